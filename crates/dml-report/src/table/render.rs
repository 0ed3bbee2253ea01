//! A table as Markdown, CSV, LaTeX and HTML.

use crate::table::{Cell, Mark, Row, Table};
use crate::text::{key_text, score_text, value_text};

/// How a format writes what all formats say.
struct Style {
    bold: fn(&str) -> String,
    plus_minus: &'static str,
    overlaps: &'static str,
    reaches: &'static str,
    nothing: &'static str,
    hole: &'static str,
}

const MARKDOWN: Style = Style {
    bold: |text| format!("**{text}**"),
    plus_minus: " ± ",
    overlaps: " ≈",
    reaches: " ‡",
    nothing: "–",
    hole: "·",
};

const LATEX: Style = Style {
    bold: |text| format!("\\textbf{{{text}}}"),
    plus_minus: " $\\pm$ ",
    overlaps: " $\\approx$",
    reaches: " $\\ddagger$",
    nothing: "--",
    hole: "$\\cdot$",
};

const HTML: Style = Style { bold: |text| format!("<b>{text}</b>"), ..MARKDOWN };

impl Table {
    /// A pipe table under its title, the notes under it.
    pub(crate) fn markdown(&self) -> String {
        let header = self.header();
        let align = (0..header.len()).map(|i| if i < self.keys.len() { "---" } else { "--:" });
        let mut lines = vec![
            format!("### {}", self.title),
            String::new(),
            pipes(&header),
            pipes(&align.collect::<Vec<_>>()),
        ];
        lines.extend(self.rows.iter().map(|row| pipes(&self.row(row, &MARKDOWN))));
        for note in &self.notes {
            lines.extend([String::new(), note.replace('\n', " ")]);
        }
        lines.join("\n") + "\n"
    }

    /// A `booktabs` table environment, made as narrow as the text if it is wider.
    pub(crate) fn latex(&self) -> String {
        let header: Vec<String> = self.header().iter().map(|cell| escape_latex(cell)).collect();
        let columns = "l".repeat(self.keys.len()) + &"r".repeat(header.len() - self.keys.len());
        let mut lines = vec![
            "% needs \\usepackage{booktabs,graphicx}; a wide table is larger in a sidewaystable of the package rotating"
                .to_string(),
            "\\begin{table}".to_string(),
            "\\centering".to_string(),
            format!("\\caption{{{}}}", escape_latex(&self.title)),
            format!("\\label{{tab:{}}}", self.name),
            "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%".to_string(),
            format!("\\begin{{tabular}}{{{columns}}}"),
            "\\toprule".to_string(),
            header.join(" & ") + " \\\\",
            "\\midrule".to_string(),
        ];
        lines.extend(self.rows.iter().map(|row| self.row(row, &LATEX).join(" & ") + " \\\\"));
        lines.extend(["\\bottomrule".to_string(), "\\end{tabular}}".to_string()]);
        lines.extend(self.notes.iter().map(|note| {
            format!("\\par\\raggedright\\footnotesize {}", escape_latex(&note.replace('\n', " ")))
        }));
        lines.push("\\end{table}".to_string());
        lines.join("\n") + "\n"
    }

    /// A `<table>` with its notes as paragraphs.
    pub(crate) fn html(&self) -> String {
        let header = concat(self.header().iter().map(|cell| format!("<th>{}</th>", escape_html(cell))));
        let cell = |(column, text): (usize, String)| {
            let class = if column < self.keys.len() { " class=key" } else { "" };
            format!("<td{class}>{text}</td>")
        };
        let row = |row| concat(self.row(row, &HTML).into_iter().enumerate().map(cell));
        let rows = concat(self.rows.iter().map(|r| format!("<tr>{}</tr>\n", row(r))));
        let notes =
            concat(self.notes.iter().map(|note| format!("<p class=note>{}</p>\n", escape_html(note))));
        format!(
            "<div class=scroll><table class=scores><thead><tr>{header}</tr></thead><tbody>\n{rows}</tbody></table></div>\n{notes}"
        )
    }

    /// One line a row: keys under their dotted names, and for each score mean, interval, counts,
    /// published number and mark.
    pub(crate) fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let parts = ["mean", "low", "high", "seeds", "asked", "diverged", "published", "mark"];
        let scores = self.scores.iter().flat_map(|score| parts.map(|part| format!("{score}.{part}")));
        let header: Vec<String> = self.keys.iter().cloned().chain(scores).collect();
        writer.write_record(&header).expect("memory");
        for row in &self.rows {
            let keys = row.values.iter().map(|v| v.as_ref().map_or_else(String::new, value_text));
            let cells = row.cells.iter().flat_map(csv_cells);
            writer.write_record(keys.chain(cells)).expect("memory");
        }
        String::from_utf8(writer.into_inner().expect("memory")).expect("made of strings")
    }

    fn header(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|key| key_text(key));
        let scores = self.scores.iter().enumerate().flat_map(|(column, score)| {
            let published = self.has_published(column).then(|| "published".to_string());
            [Some(score_text(score)), published].into_iter().flatten()
        });
        keys.chain(scores).collect()
    }

    fn has_published(&self, column: usize) -> bool {
        self.rows.iter().any(|row| row.cells[column].published.is_some())
    }

    fn row(&self, row: &Row, style: &Style) -> Vec<String> {
        let escape = if style.nothing == "--" { escape_latex } else { escape_html };
        let keys = row
            .values
            .iter()
            .map(|v| v.as_ref().map_or_else(|| style.nothing.to_string(), |v| escape(&value_text(v))));
        let cells = row.cells.iter().enumerate().flat_map(|(column, cell)| {
            let published = cell.published.clone().unwrap_or_else(|| style.nothing.to_string());
            [Some(cell_text(cell, style)), self.has_published(column).then_some(published)]
                .into_iter()
                .flatten()
        });
        keys.chain(cells).collect()
    }
}

/// `0.8351 ± 0.0123 (5)`; where seeds are lacking, `(3 of 5, 1 diverged)`.
fn cell_text(cell: &Cell, style: &Style) -> String {
    let scored = cell.ours.map_or(0, |ours| ours.n);
    let counts = [
        Some(if scored == cell.asked { scored.to_string() } else { format!("{scored} of {}", cell.asked) }),
        (cell.diverged > 0).then(|| format!("{} diverged", cell.diverged)),
        (cell.unscored > 0).then(|| format!("{} not scored", cell.unscored)),
    ];
    let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let Some(ours) = cell.ours else {
        return match cell {
            Cell { asked, diverged, .. } if diverged == asked => format!("diverged ({diverged})"),
            Cell { asked, unscored, .. } if unscored == asked => "not scored".to_string(),
            _ => format!("{} ({counts})", style.hole),
        };
    };
    let half = ours.half_width.map_or_else(String::new, |half| format!("{}{half:.4}", style.plus_minus));
    let number = format!("{:.4}{half}", ours.mean);
    match cell.mark {
        Mark::None => format!("{number} ({counts})"),
        Mark::Best => format!("{} ({counts})", (style.bold)(&number)),
        Mark::Overlaps => format!("{number} ({counts}){}", style.overlaps),
        Mark::Reaches => format!("{number} ({counts}){}", style.reaches),
    }
}

fn csv_cells(cell: &Cell) -> [String; 8] {
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    let interval = cell.ours.filter(|ours| ours.half_width.is_some()).map(|ours| ours.interval());
    let mark = match cell.mark {
        Mark::None => "",
        Mark::Best => "best",
        Mark::Overlaps => "overlaps",
        Mark::Reaches => "baseline_reaches_best",
    };
    [
        number(cell.ours.map(|ours| ours.mean)),
        number(interval.map(|(low, _)| low)),
        number(interval.map(|(_, high)| high)),
        cell.ours.map_or(0, |ours| ours.n).to_string(),
        cell.asked.to_string(),
        cell.diverged.to_string(),
        cell.published.clone().unwrap_or_default(),
        mark.to_string(),
    ]
}

fn concat(parts: impl Iterator<Item = String>) -> String {
    parts.collect()
}

/// A row of a Markdown table.
pub(crate) fn pipes(cells: &[impl AsRef<str>]) -> String {
    format!("| {} |", cells.iter().map(|c| c.as_ref().replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
}

fn escape_latex(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '_' | '%' | '&' | '#' | '$' | '{' | '}' => format!("\\{c}"),
            '\\' => "\\textbackslash{}".to_string(),
            '^' => "\\textasciicircum{}".to_string(),
            '~' => "\\textasciitilde{}".to_string(),
            '<' => "\\textless{}".to_string(),
            '>' => "\\textgreater{}".to_string(),
            '±' => "$\\pm$".to_string(),
            '≈' => "$\\approx$".to_string(),
            '‡' => "$\\ddagger$".to_string(),
            '·' => "$\\cdot$".to_string(),
            _ => c.to_string(),
        })
        .collect()
}

/// Text that HTML (and Markdown, which holds HTML) shows as it is.
pub(crate) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
