//! What a table's rows are, in whatever order they lie.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// How many rows a table has, and a sum over what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSum {
    /// The table's name.
    pub name: String,
    /// How many.
    pub rows: u64,
    /// Of the SHA-256 of each row's text, hexadecimal. Rows that lie in another order have the same.
    pub sum: String,
}

/// A sum that grows, row by row.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    lanes: [u64; 4],
    /// The beginning of a row whose end is still to come.
    begun: Vec<u8>,
}

impl Sum {
    /// The next bytes of rows, each of which ends with its line: within values, line ends are written otherwise.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match (piece.ends_with(b"\n"), self.begun.is_empty()) {
                (true, true) => self.row(piece),
                (true, false) => {
                    self.begun.extend_from_slice(piece);
                    let row = std::mem::take(&mut self.begun);
                    self.row(&row);
                }
                (false, _) => self.begun.extend_from_slice(piece),
            }
        }
    }

    fn row(&mut self, text: &[u8]) {
        self.rows += 1;
        let hash = Sha256::digest(text);
        for (lane, bytes) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            *lane = lane.wrapping_add(u64::from_be_bytes(bytes.try_into().expect("eight bytes")));
        }
    }

    pub(super) fn of(self, name: &str) -> TableSum {
        let bytes = self.lanes.iter().flat_map(|lane| lane.to_be_bytes()).collect::<Vec<u8>>();
        TableSum { name: name.to_owned(), rows: self.rows, sum: data_encoding::HEXLOWER.encode(&bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(pieces: &[&str]) -> TableSum {
        let mut sum = Sum::default();
        pieces.iter().for_each(|piece| sum.add(piece.as_bytes()));
        sum.of("t")
    }

    #[test]
    fn rows_count_and_not_their_order() {
        let whole = sum(&["a\tb\nc\td\n"]);
        assert_eq!(whole.rows, 2);
        assert_eq!(whole, sum(&["c\td\n", "a\tb\n"]));
        assert_eq!(whole, sum(&["a\t", "b", "\nc\td", "\n"]), "wherever the pieces end");
        for other in [&["a\tb\n"][..], &["a\tb\nc\te\n"], &["a\td\nc\tb\n"], &["a\tb\na\tb\nc\td\n"]] {
            assert_ne!(whole, sum(other), "{other:?}");
        }
    }
}
