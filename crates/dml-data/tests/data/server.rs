//! A mirror on this machine that misbehaves as it is told.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the mirror does for one file.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Sends the file, or the part asked for.
    File(Vec<u8>),
    /// Sends the whole file whatever part is asked for.
    WholeFile(Vec<u8>),
    /// Breaks the connection after so many bytes of what is asked for.
    CutAfter(usize, Vec<u8>),
}

/// A mirror; what it does not have is 404.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its address, ending in a slash.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a mirror. Its thread ends with the test's process.
    pub(crate) fn start(files: impl IntoIterator<Item = (&'static str, Answer)>) -> Server {
        let files: HashMap<&str, Answer> = files.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                serve(connection.unwrap(), &files, &log);
            }
        });
        Server { url, requests }
    }

    /// The requests so far, each as the file's name and the range asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut connection: TcpStream, files: &HashMap<&str, Answer>, log: &Mutex<Vec<String>>) {
    let lines: Vec<String> = BufReader::new(connection.try_clone().unwrap())
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let Some(name) =
        lines.first().and_then(|line| line.split(' ').nth(1)).map(|path| path.trim_start_matches('/'))
    else {
        return;
    };
    let range =
        lines.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: ").map(str::to_owned));
    log.lock()
        .unwrap()
        .push([Some(name.to_owned()), range.clone()].into_iter().flatten().collect::<Vec<_>>().join(" "));
    let start: usize = range.map_or(0, |range| range["bytes=".len()..range.len() - 1].parse().unwrap());
    let (bytes, start, cut) = match files.get(name) {
        None => {
            let _ = connection
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        Some(Answer::File(bytes)) => (bytes, start, bytes.len()),
        Some(Answer::WholeFile(bytes)) => (bytes, 0, bytes.len()),
        Some(Answer::CutAfter(n, bytes)) => (bytes, start, (start + n).min(bytes.len())),
    };
    let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{}\r\nConnection: close\r\n\r\n",
        bytes.len() - start,
        bytes.len() - 1,
        bytes.len()
    );
    // A client that hangs up early is part of the game.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&bytes[start..cut]));
}
