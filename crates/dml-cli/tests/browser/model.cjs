// Opens the pages of made-up models in a real Chromium and uses them, from file://.
//
//   NODE_PATH=.../node_modules node model.cjs FOLDER [FOLDER for screenshots]
//
// Needs playwright-core. The models are written to FOLDER.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { launch, phone, visit, wide } = require("../../../dml-report/tests/browser/visit.cjs");
const { APART, made, number, write } = require("./made.cjs");

const [folder, screenshots] = process.argv.slice(2);
assert(folder, "usage: model.cjs FOLDER [FOLDER for screenshots]");

// Names that break a page which takes them for markup, and a CSV that does not quote.
const CLASSES = ["circle", "triangle", "square", `<img src=x onerror="document.title='broken'">`, `"six", he said`, "two\nlines"];
const FILES = ["pictures/unlabelled/a,b.png", `pictures/triangle/"quoted".png`, "pictures/unlabelled/two\nlines.png", "pictures/<b>bold</b>.png", "pictures/unlabelled/'; drop --.png", null, "pictures/unlabelled/ends with space ", "pictures/triangle/ümläut 🦀.png", "pictures/unlabelled/=1+1.png", "pictures/a\\b\r.png"];
const small = made({ name: "shapes & <i>co</i>", images: 1000, classes: CLASSES, labelled: 60, columns: 20, rows: 20, files: Array.from({ length: 1000 }, (_, i) => i < FILES.length ? FILES[i] : `pictures/unlabelled/${String(i).padStart(4, "0")}.png`), estimate: { labelled: 60, right: 48, accuracy: 0.8, low: 0.6767, high: 0.8922, folds: 5 } });
const large = made({ name: "many", images: 60000, classes: Array.from({ length: 13 }, (_, i) => `kind ${i + 1}`), labelled: 600, columns: 100, rows: 100, files: Array.from({ length: 60000 }, (_, i) => `pictures/${i}.png`), estimate: { labelled: 600, right: 580, accuracy: 0.9667, low: 0.949, high: 0.979, folds: 5 } });
const fileless = made({ name: "arrays", images: 120, classes: ["0", "1"], labelled: 10, columns: 50, rows: 2, files: null, estimate: null });

// The palettes of the report's figures, light and dark, as they stand in its source.
const theme = fs.readFileSync(path.join(__dirname, "../../../dml-report/src/figure/theme.rs"), "utf8");
const triples = [...theme.matchAll(/\((\d+), (\d+), (\d+)\)/g)].map(found => found.slice(1).map(Number));
const of = { light: triples.slice(0, 14), dark: triples.slice(14, 28) }; // Ground, ink, grid, 11 classes.

const model = (name, which, options) => {
  const base = pathToFileURL(path.resolve(folder, which) + "/").href;
  return { name, url: base + "index.html", ready: () => document.querySelectorAll("#list li").length > 0, own: asked => asked.startsWith(base), options, screenshots };
};
const settled = page => page.evaluate(() => new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 200)));
const corrected = page => page.textContent("#corrected");
const shownImages = page => page.$$eval("#list li", items => items.map(item => Number(item.dataset.image)));

// Where an image is on the screen.
async function spot(page, i) {
  const box = await page.locator("#map").boundingBox(), [x, y] = await page.evaluate(i => at(i), i);
  return [box.x + 1 + x, box.y + 1 + y];
}
// The colour of the map at an image, or so far right of its middle, and how many pixels have each
// colour of the palette. Read from a copy: the browser warns of reading a canvas that is drawn on.
const copied = page => page.evaluateHandle(() => {
  const copy = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height }), pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(map, 0, 0);
  return pen;
});
const pixel = async (page, i, right = 0) => (await copied(page)).evaluate((pen, [i, right]) => [...pen.getImageData(Math.round((at(i)[0] + right) * ratio - 0.5), Math.round(at(i)[1] * ratio - 0.5), 1, 1).data], [i, right]);
const counts = async (page, palette) => (await copied(page)).evaluate((pen, palette) => {
  const found = palette.map(() => 0), places = new Map(palette.map((rgb, k) => [rgb.join(), k])), { data } = pen.getImageData(0, 0, map.width, map.height);
  for (let p = 0; p < data.length; p += 4) { const k = places.get(`${data[p]},${data[p + 1]},${data[p + 2]}`); if (k !== undefined && data[p + 3] === 255) found[k]++; }
  return found;
}, palette);

async function hovers(page, blank, { model }) {
  await page.locator("#map").scrollIntoViewIfNeeded();
  for (let i = 0; i < APART; i++) {
    await page.mouse.move(...await spot(page, i));
    await page.waitForSelector(`#tip canvas[data-drawn="${i}"]`);
    const said = await page.$$eval("#tip p", lines => lines.map(line => line.textContent));
    const given = model.given[i] < 0 ? [] : ["Given: " + model.classes[model.given[i]]];
    assert.deepEqual(said, [model.files?.[i] ?? `image ${i + 1}`, ...given, `Predicted: ${model.classes[model.guess[i]]}, ${(100 * model.confidence[i]).toFixed(1)}%`]);
    assert.equal(await number(blank, await page.locator("#tip canvas").screenshot()), i, "the picture is that of the image");
    const [tip, room] = [await page.locator("#tip").boundingBox(), await page.locator("#map").boundingBox()];
    assert(tip.x >= room.x - 1 && tip.x + tip.width <= room.x + room.width + 1 && tip.y + tip.height <= room.y + room.height + 1, "it stays within the map");
  }
}

async function colours(page, palette) {
  const [, , , ...classes] = palette, { given, guess } = small.model;
  await page.mouse.move(5, 5);
  await settled(page);
  const before = await counts(page, classes);
  for (let i = 0; i < APART; i++) assert.deepEqual(await pixel(page, i), [...classes[guess[i]], 255], "coloured as predicted");
  await page.selectOption("#mode", "given");
  await settled(page);
  for (let i = 0; i < APART; i++) {
    if (given[i] >= 0) assert.deepEqual(await pixel(page, i), [...classes[given[i]], 255], "coloured as given");
    else { const grey = await pixel(page, i); assert(!classes.some(rgb => rgb.join() === grey.slice(0, 3).join()), "an image without a label is grey"); }
  }
  const labelled = await counts(page, classes);
  assert(before.slice(0, 6).every((count, k) => labelled[k] < count / 3), "most have no label");
  const ring = await page.evaluate(() => [1, 1.5, 2, 2.5, 3].map(more => radius + more));
  for (let i = 0; i < APART; i++) {
    const along = await Promise.all(ring.map(right => pixel(page, i, right)));
    assert.equal(along.some(rgb => Math.abs(rgb[0] - palette[0][0]) > 100), given[i] >= 0, "those with one are ringed");
  }
  await page.selectOption("#mode", "doubt");
  await settled(page);
  assert.equal(await page.locator("#ramp").isVisible(), true);
  const doubtful = await counts(page, classes);
  assert([0, 2, 3, 4, 5].every(k => doubtful[k] === 0) && doubtful[1] > 0, "from pale to the colour of doubt");
  await page.selectOption("#mode", "guess");
  await settled(page);
  assert.deepEqual(await counts(page, classes), before);

  // A click on a class hides the others, on the map and from the pointer; a second shows all.
  const entry = page.locator("#legend button").nth(3);
  assert.equal(await entry.locator("bdi").textContent(), CLASSES[3], "markup is shown as text");
  await entry.click();
  await settled(page);
  const alone = await counts(page, classes);
  assert(alone[3] > 0 && alone.every((count, k) => k === 3 || count === 0), "others are hidden");
  await page.mouse.move(...await spot(page, 2));
  assert.equal(await page.locator("#tip").isVisible(), false);
  assert.equal(await entry.getAttribute("aria-pressed"), "true");
  await page.locator("#legend button").nth(3).click();
  await settled(page);
  assert.deepEqual(await counts(page, classes), before);
}

async function moves(page) {
  const i = 4, seen = async () => { await page.waitForSelector(`#tip canvas[data-drawn="${i}"]`); };
  const [x, y] = await spot(page, i);
  await page.mouse.move(x, y);
  for (let k = 0; k < 3; k++) await page.mouse.wheel(0, -300);
  await settled(page);
  await page.mouse.move(x + 1, y);
  await seen();
  assert(await page.evaluate(() => view.zoom) > 3, "the wheel zooms, and what is under the pointer stays there");
  await page.mouse.down();
  await page.mouse.move(x + 30, y - 60);
  await page.mouse.move(x + 61, y - 120);
  await page.mouse.up();
  await settled(page);
  assert.equal(await page.locator("#chosen h3").count(), 0, "a drag chooses nothing");
  await page.mouse.move(x + 60, y - 120);
  await seen();
  await page.locator("#map").focus();
  await page.keyboard.press("-");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("0");
  assert.deepEqual(await page.evaluate(() => view), { zoom: 1, x: 0.5, y: 0.5 });
  await settled(page);
}

async function corrects(page, shot) {
  const { given, margin, files, classes } = small.model;
  const order = given.map((_, i) => i).filter(i => given[i] < 0).sort((a, b) => margin[a] - margin[b] || a - b);
  assert.deepEqual(await shownImages(page), order.slice(0, 50), "by margin, and without those that have a label");
  await page.evaluate(() => $("which").scrollIntoView());
  await page.waitForFunction(() => document.querySelectorAll("#list canvas[data-drawn]").length === 50);
  await shot("doubtful");
  await page.click("#more");
  assert.deepEqual(await shownImages(page), order.slice(0, 100));
  assert.equal(await corrected(page), "0 corrections");
  assert.equal(await page.locator("#export").isDisabled(), true);

  // In the list: a class, a new class, one by the keyboard, and one that is taken back.
  const item = k => page.locator("#list li").nth(k), fresh = `new "kind", <b>really`;
  await item(0).locator("select").selectOption({ label: "square" });
  await item(1).locator("input").fill(`  ${fresh} `);
  await item(1).locator("input").press("Enter");
  await item(1).locator("button").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("5");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("1");
  assert.equal(await corrected(page), "4 corrections");
  await page.keyboard.press("0");
  assert.equal(await corrected(page), "3 corrections");
  assert.deepEqual(await item(4).locator("select option").allTextContents(), ["no label", ...classes, fresh], "a new class can be chosen from then on");
  await item(4).locator("select").selectOption({ index: 7 });

  // On the map: an image without a label, a wrong label, one taken away, and what is no file.
  const choose = async i => { await page.locator("#map").scrollIntoViewIfNeeded(); await page.mouse.click(...await spot(page, i)); await page.waitForSelector(`#chosen canvas[data-drawn="${i}"]`); };
  const select = page.locator("#chosen select");
  await choose(2);
  await select.selectOption({ index: 6 });
  await shot("chosen");
  await choose(1);
  assert.equal(await select.inputValue(), "as");
  await page.locator("#chosen input").fill("triangle");
  await page.locator("#chosen input").press("Enter");
  assert.equal(await corrected(page), "5 corrections", "the label that it has is no correction");
  await select.selectOption({ label: "circle" });
  await choose(3);
  await select.selectOption("none");
  await choose(9);
  await select.selectOption({ index: 4 });
  await choose(5);
  assert.equal(await select.count(), 0);
  assert.match(await page.textContent("#chosen"), /It is not a file/);
  assert.equal(await corrected(page), "8 corrections");

  const quoted = text => /[",\r\n]/.test(text) ? `"${text.split('"').join('""')}"` : text;
  const listed = [[0, "square"], [1, `"new ""kind"", <b>really"`], [2, `"""six"", he said"`], [4, `"new ""kind"", <b>really"`]].map(([k, to]) => [order[k], `${quoted(files[order[k]])},${to}\n`]);
  const rows = [...listed, [1, `"pictures/triangle/""quoted"".png",circle\n`], [2, `"pictures/unlabelled/two\nlines.png","two\nlines"\n`], [3, "pictures/<b>bold</b>.png,\n"], [9, `"pictures/a\\b\r.png","""six"", he said"\n`]];
  const expected = "file,label\n" + rows.sort((a, b) => a[0] - b[0]).map(row => row[1]).join("");
  const exported = async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    assert.equal(download.suggestedFilename(), "corrections.csv");
    return fs.readFileSync(await download.path(), "utf8");
  };
  assert.equal(await exported(), expected);
  await shot("corrected");

  // They outlast the page, and can be looked through and forgotten.
  await page.reload();
  assert.equal(await corrected(page), "8 corrections");
  assert.equal(await exported(), expected);
  // The same pictures in another place are another project's.
  const own = page.url(), elsewhere = path.join(folder, "small/elsewhere");
  for (const part of ["index.html", "page"]) fs.cpSync(path.join(folder, "small", part), path.join(elsewhere, part), { recursive: true });
  await page.goto(pathToFileURL(path.join(elsewhere, "index.html")).href);
  assert.equal(await corrected(page), "0 corrections");
  await page.goto(own);
  assert.equal(await corrected(page), "8 corrections");
  assert.deepEqual((await shownImages(page)).slice(0, 2), [order[3], order[5]], "what has been seen to is left out");
  await page.selectOption("#which", "corrected");
  assert.deepEqual(await shownImages(page), rows.map(row => row[0]));
  await page.evaluate(() => $("which").scrollIntoView());
  await shot("list");
  page.once("dialog", dialog => dialog.accept());
  await page.click("#forget");
  assert.equal(await corrected(page), "0 corrections");
  await page.reload();
  assert.equal(await corrected(page), "0 corrections");

  // A browser that keeps nothing says so, and exports all the same.
  await page.evaluate(() => { Storage.prototype.setItem = () => { throw new Error("full"); }; correct(0, "triangle"); });
  assert.match(await corrected(page), /^1 correction\. This browser keeps nothing/);
  assert.equal(await exported(), `file,label\n"pictures/unlabelled/a,b.png",triangle\n`);
  await page.reload();
}

function work(blank, scheme) {
  return async (page, shot) => {
    assert.equal(await page.textContent("h1"), small.model.name);
    assert.equal(await page.textContent("#what"), `A model of 1,000 images, ${small.model.given.filter(k => k >= 0).length} of them with a label, in 6 classes.`);
    assert.equal(await page.textContent("#estimate"), "Of 60 labelled images that it had not seen (in 5 parts, in turn) it gave 48 the right class: an accuracy of 80.0%, with a 95% interval from 67.7% to 89.2%. With so few labels this means little.");
    const palette = await page.evaluate(() => ["ground", "ink", ...Array.from({ length: 11 }, (_, k) => "c" + k)].map(name => colour("--" + name).match(/\w\w/g).map(pair => parseInt(pair, 16))));
    const [ground, ink, , ...classes] = of[scheme];
    assert.deepEqual(palette, [ground, ink, ...classes], "the palette of the report's figures");
    await shot("top");
    await hovers(page, blank, small);
    await shot("hover");
    await colours(page, of[scheme]);
    await moves(page);
    await corrects(page, shot);
    for (const mode of ["given", "doubt"]) { await page.selectOption("#mode", mode); await settled(page); await shot(mode); }
    assert.equal(await page.locator("img, i, b").count(), 0, "no name becomes markup");
    assert.equal(await page.title(), small.model.name);
  };
}

async function many(page, shot, seconds) {
  console.log(`60,000 images are there after ${seconds.toFixed(2)} s`);
  assert(seconds < 10, `in under 10 s, not in ${seconds}`);
  await page.waitForFunction(() => document.querySelectorAll("#list canvas[data-drawn]").length === 50);
  await shot("top");
  // From the event to the frame that has the words and the picture, at images all over the map.
  const times = await page.evaluate(async () => {
    const times = [], box = map.getBoundingClientRect(), frame = () => new Promise(requestAnimationFrame);
    for (let k = 0; k < 60; k++) {
      const [x, y] = at(k * 997 % n), start = performance.now();
      map.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 1 + x, clientY: box.top + 1 + y, pointerId: 99 }));
      do await frame(); while (Number($("tip").querySelector("canvas")?.dataset.drawn) !== hovered);
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b);
  });
  const painting = await page.evaluate(() => { const start = performance.now(); paint(); map.getContext("2d").getImageData(0, 0, 1, 1); return performance.now() - start; });
  console.log(`hover: median ${times[30].toFixed(0)} ms, slowest ${times[59].toFixed(0)} ms; the whole map is painted in ${painting.toFixed(0)} ms`);
  assert(times[30] < 100, "an answer within 100 ms");
  assert(painting < 2000, "a map within 2 s");
  const box = await page.locator("#map").boundingBox();
  await page.mouse.move(box.x + box.width * 0.8, box.y + box.height * 0.42);
  for (let k = 0; k < 3; k++) await page.mouse.wheel(0, -300);
  await settled(page);
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5);
  await settled(page);
  await shot("near");
}

async function narrow(page, shot) {
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "a phone does not scroll sideways");
  await shot("top");
  await page.locator("#map").scrollIntoViewIfNeeded();
  await page.touchscreen.tap(...await spot(page, 4));
  await page.waitForSelector(`#chosen canvas[data-drawn="4"]`);
  await shot("chosen");
  await page.locator("#list").scrollIntoViewIfNeeded();
  await page.evaluate(() => $("list").scrollIntoView());
  await shot("list");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
}

function noFiles(blank) {
  return async (page, shot) => {
    assert.equal(await page.textContent("#estimate"), "How often it is right has not been estimated.");
    assert.match(await page.textContent("#use"), /^Corrections are for folders of pictures/);
    await hovers(page, blank, fileless);
    await page.mouse.click(...await spot(page, 1));
    await page.waitForSelector(`#chosen canvas[data-drawn="1"]`);
    assert.equal(await page.locator("#list select, #chosen select, #corrections:visible, #choice:visible").count(), 0);
    await shot("top");
    await page.emulateMedia({ colorScheme: "dark" });
    await settled(page);
    assert.deepEqual(await pixel(page, 0), [...of.dark[3 + fileless.model.guess[0]], 255], "the map follows the theme");
  };
}

(async () => {
  const browser = await launch();
  try {
    const blank = await browser.newPage();
    for (const [which, what] of Object.entries({ small, large, fileless })) await write(blank, path.join(folder, which), what);
    await visit(browser, model("model-light", "small", { ...wide, colorScheme: "light" }), work(blank, "light"));
    await visit(browser, model("model-dark", "small", { ...wide, colorScheme: "dark" }), work(blank, "dark"));
    await visit(browser, model("model-many", "large", { ...wide, colorScheme: "light" }), many);
    await visit(browser, model("model-many-dark", "large", { ...wide, colorScheme: "dark", deviceScaleFactor: 2 }), many);
    await visit(browser, model("model-phone", "small", { ...phone, colorScheme: "light" }), narrow);
    await visit(browser, model("model-phone-dark", "small", { ...phone, colorScheme: "dark" }), narrow);
    await visit(browser, model("model-fileless", "fileless", { ...wide, colorScheme: "light" }), noFiles(blank));
    fs.rmSync(path.join(folder, "fileless/page"), { recursive: true });
    await blank.goto(model("", "fileless").url);
    assert.match(await blank.textContent("#what"), /data\.js is not beside it/);
    console.log("the page works");
  } finally {
    await browser.close();
  }
})().catch(error => { console.error(error); process.exitCode = 1; });
