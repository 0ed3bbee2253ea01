//! Bytes as text within SVG and HTML.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}
