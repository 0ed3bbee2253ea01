//! Which images a read-out was right about, as a short text.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

/// Of each image that is scored, in the order of the data set and without those that have no label,
/// whether a read-out was right about it.
///
/// In JSON these are their number and the bits of 0 and 1, eight a byte, the first image's the
/// lowest, in base64: `{"images":10,"right":"/wM="}` is right about all of ten. 10,000 images take
/// 1.7 kB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Packed", into = "Packed")]
pub struct Hits(pub Vec<bool>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    images: usize,
    right: String,
}

impl From<Hits> for Packed {
    fn from(Hits(hits): Hits) -> Self {
        let byte = |hits: &[bool]| hits.iter().rev().fold(0, |bits, &hit| bits << 1 | u8::from(hit));
        let bytes: Vec<u8> = hits.chunks(8).map(byte).collect();
        Self { images: hits.len(), right: BASE64_STANDARD.encode(bytes) }
    }
}

impl TryFrom<Packed> for Hits {
    type Error = String;

    fn try_from(Packed { images, right }: Packed) -> Result<Self, String> {
        let bytes = BASE64_STANDARD.decode(&right).map_err(|why| format!("`right` is no base64: {why}"))?;
        let mut hits: Vec<bool> =
            bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
        if bytes.len() != images.div_ceil(8) {
            return Err(format!(
                "`right` has {} bytes, which is not one for 8 of {images} images",
                bytes.len()
            ));
        }
        if hits.drain(images..).any(|hit| hit) {
            return Err(format!("`right` has more bits than there are images, {images}"));
        }
        Ok(Self(hits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_survive_json_and_take_a_sixth_of_a_character_an_image() {
        for n in [0, 1, 7, 8, 9, 10_000] {
            let hits = Hits((0..n).map(|i| i % 3 == 0 || i % 7 == 2).collect());
            let text = serde_json::to_string(&hits).unwrap();
            assert_eq!(serde_json::from_str::<Hits>(&text).unwrap(), hits);
            assert!(text.len() <= n / 6 + 40, "{text}");
        }
        // By hand: bits 0 and 2 are 5, bit 8 is the lowest of the next byte.
        let bits = [true, false, true, false, false, false, false, false, true];
        assert_eq!(serde_json::to_string(&Hits(bits.into())).unwrap(), r#"{"images":9,"right":"BQE="}"#);
        assert_eq!(serde_json::to_string(&Hits(vec![true; 10])).unwrap(), r#"{"images":10,"right":"/wM="}"#);
    }

    #[test]
    fn bits_that_do_not_fit_their_number_are_refused() {
        let refused = |text: &str| serde_json::from_str::<Hits>(text).unwrap_err().to_string();
        insta::assert_snapshot!(refused(r#"{"images":17,"right":"BQE="}"#), @"`right` has 2 bytes, which is not one for 8 of 17 images");
        insta::assert_snapshot!(refused(r#"{"images":9,"right":"BQM="}"#), @"`right` has more bits than there are images, 9");
        let told = refused(r#"{"images":9,"right":"?"}"#);
        assert!(told.starts_with("`right` is no base64: "), "{told}");
        let none = refused(r#"{"images":18446744073709551615,"right":""}"#);
        assert!(none.starts_with("`right` has 0 bytes"), "{none}");
    }
}
