//! One file over HTTP into a `.part` file that the next attempt resumes.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::Path,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ureq::{
    Agent, Proxy,
    http::{Response, StatusCode, header},
    tls::{RootCerts, TlsConfig},
};

use crate::{
    checksum::{self, Variant},
    progress::Progress,
};

/// The reason of a host that keeps silent: asking it again would cost as much time again.
pub(crate) const NO_ANSWER: &str = "no answer";
/// A mirror that has not answered by then does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that breaks is taken up again as long as each attempt brings something.
const ATTEMPTS: usize = 5;

/// An agent for `host` (`name:port`) that trusts what the machine trusts and gives up where there
/// is silence.
pub(crate) fn agent(host: &str) -> Agent {
    // A proxy out of this machine does not reach a mirror on it.
    let proxy = if host.starts_with("127.0.0.1:") { None } else { Proxy::try_from_env() };
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .proxy(proxy)
        .timeout_resolve(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .http_status_as_error(false)
        // Files are stored and checked as they are published.
        .accept_encoding("identity");
    Agent::new_with_config(config.build())
}

/// Downloads `url` into `part`, which may hold the beginning already, and checks it against
/// `expected`.
///
/// The error is the mirror's reason in short. After a wrong size or checksum `part` is deleted;
/// after a broken connection it stays for the next attempt, which may be another process's.
pub(crate) fn download(
    agent: &Agent,
    url: &str,
    part: &Path,
    expected: &Variant,
    progress: Progress,
) -> Result<(), String> {
    for attempt in 1.. {
        let start = fs::metadata(part).map_or(0, |metadata| metadata.len());
        let complete = expected.bytes.is_some_and(|bytes| start >= bytes);
        if !complete && let Err(reason) = append(agent, url, part, start, expected, progress) {
            let end = fs::metadata(part).map_or(0, |metadata| metadata.len());
            if end > start && attempt < ATTEMPTS {
                continue;
            }
            return Err(reason);
        }
        match checksum::mismatch(part, expected).map_err(|error| error.to_string())? {
            None => return Ok(()),
            Some(reason) => {
                fs::remove_file(part).map_err(|error| error.to_string())?;
                // What was resumed may have begun as something else: once more from the start.
                if start == 0 || attempt >= ATTEMPTS {
                    return Err(reason);
                }
            }
        }
    }
    unreachable!("the loop ends by returning")
}

/// Appends what is missing after the `start` bytes that `part` has.
fn append(
    agent: &Agent,
    url: &str,
    part: &Path,
    start: u64,
    expected: &Variant,
    progress: Progress,
) -> Result<(), String> {
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| short(&error))?;
    let start = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if continues_at(&response, start) => start,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if start > 0 => {
            fs::remove_file(part).map_err(|error| error.to_string())?;
            return append(agent, url, part, 0, expected, progress);
        }
        status => return Err(format!("HTTP {status}")),
    };
    let mut file =
        OpenOptions::new().create(true).append(true).open(part).map_err(|error| error.to_string())?;
    file.set_len(start).map_err(|error| error.to_string())?;
    let announced = response.body().content_length().map(|length| start + length);
    let bar = progress.bar(expected.name, expected.bytes.or(announced));
    bar.set_position(start);
    // One byte more than expected is enough to tell that the file is too long.
    let most = expected.bytes.map_or(u64::MAX, |bytes| bytes - start + 1);
    let result = copy(response.into_body().into_reader().take(most), &mut file, |n| bar.inc(n));
    bar.finish_and_clear();
    result
}

impl Progress {
    /// A bar for a file of `bytes` bytes; a spinner where the size is not known, hidden where
    /// no one looks.
    pub(crate) fn bar(self, label: &str, bytes: Option<u64>) -> ProgressBar {
        let target =
            if self == Progress::Bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(bytes, target).with_message(label.to_owned());
        let template = match bytes {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{spinner} {msg} {bytes} {bytes_per_sec}",
        };
        if self == Progress::Bar {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
    }
}

fn continues_at<B>(response: &Response<B>, start: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    start > 0 && range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

fn copy(mut body: impl Read, file: &mut File, mut tell: impl FnMut(u64)) -> Result<(), String> {
    let mut block = vec![0; 1 << 16];
    loop {
        let n = match body.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the connection broke: {error}")),
        };
        file.write_all(&block[..n]).map_err(|error| format!("cannot be stored: {error}"))?;
        tell(n as u64);
    }
}

/// What the host's failure is called in a sentence that lists several.
fn short(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "host not found".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Timeout(_) => NO_ANSWER.to_owned(),
        ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup") => {
            "host not found".to_owned()
        }
        ureq::Error::Io(error) => before_semicolon(&error.to_string()),
        other => before_semicolon(&other.to_string()),
    }
}

/// What follows a semicolon is detail: all the names that a certificate is good for.
fn before_semicolon(text: &str) -> String {
    text.split(';').next().unwrap_or_default().to_owned()
}
