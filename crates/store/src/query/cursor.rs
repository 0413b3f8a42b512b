//! Where a list goes on: the sort key of the last row seen, bound to the list it was given for.
//!
//! The text is opaque to callers. It carries a digest of filter and order, so that a cursor taken to another list is
//! refused instead of silently skipping rows.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use domain::id::CiName;

use crate::error::StoreError;

const BINDING_BYTES: usize = 8;
const CURSOR_BYTES: usize = BINDING_BYTES + 2 * size_of::<i64>();

/// The place in a list after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    binding: [u8; BINDING_BYTES],
    /// The value that the list is sorted by.
    key: i64,
    /// The row's own number, which makes the order total.
    row: i64,
}

impl Cursor {
    /// The place after a row of the list that `binding` stands for.
    pub(crate) fn after(binding: &ListBinding, key: i64, row: i64) -> Self {
        Self { binding: binding.0, key, row }
    }

    /// Sort key and number of the row after which to go on.
    pub(crate) fn place(&self, binding: &ListBinding) -> Result<(i64, i64), StoreError> {
        if self.binding == binding.0 { Ok((self.key, self.row)) } else { Err(StoreError::InvalidCursor) }
    }
}

/// The same in a list of configuration items, whose rows have a text for their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiCursor {
    binding: [u8; BINDING_BYTES],
    /// The value that the list is sorted by; 0 where it is sorted by nothing but the id.
    key: i64,
    id: CiName,
}

impl CiCursor {
    /// The place after a row of the list that `binding` stands for.
    pub(crate) fn after(binding: &ListBinding, key: i64, id: CiName) -> Self {
        Self { binding: binding.0, key, id }
    }

    /// Sort key and id of the row after which to go on.
    pub(crate) fn place(&self, binding: &ListBinding) -> Result<(i64, &str), StoreError> {
        if self.binding == binding.0 {
            Ok((self.key, self.id.as_str()))
        } else {
            Err(StoreError::InvalidCursor)
        }
    }
}

impl fmt::Display for CiCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::from(self.binding);
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(self.id.as_str().bytes());
        f.write_str(&BASE64.encode(bytes))
    }
}

impl FromStr for CiCursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bytes = BASE64.decode(text).map_err(|_| StoreError::InvalidCursor)?;
        let parts = bytes.split_first_chunk().and_then(|(binding, rest)| {
            let (key, id) = rest.split_first_chunk()?;
            let id = std::str::from_utf8(id).ok().and_then(|id| CiName::new(id).ok())?;
            Some(Self { binding: *binding, key: i64::from_be_bytes(*key), id })
        });
        parts.ok_or(StoreError::InvalidCursor)
    }
}

/// A short digest of what a list shows and how it is ordered.
pub(crate) struct ListBinding([u8; BINDING_BYTES]);

impl ListBinding {
    /// Digests the debug form of filter and order, which lists every field.
    pub(crate) fn of(list: &impl fmt::Debug) -> Self {
        let hash = audit::Hash::leaf(format!("{list:?}").as_bytes());
        let mut binding = [0; BINDING_BYTES];
        binding.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(binding)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(CURSOR_BYTES);
        bytes.extend(self.binding);
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(self.row.to_be_bytes());
        f.write_str(&BASE64.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bytes = BASE64.decode(text).map_err(|_| StoreError::InvalidCursor)?;
        let parts = bytes.split_first_chunk().and_then(|(binding, rest)| {
            let (key, rest) = rest.split_first_chunk()?;
            let row = <[u8; 8]>::try_from(rest).ok()?;
            Some((*binding, i64::from_be_bytes(*key), i64::from_be_bytes(row)))
        });
        let (binding, key, row) = parts.ok_or(StoreError::InvalidCursor)?;
        Ok(Self { binding, key, row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_belongs_to_one_list() {
        let list = ListBinding::of(&("state", "approved"));
        let cursor: Cursor = Cursor::after(&list, -5, 20_260_000_000_001).to_string().parse().unwrap();
        assert_eq!(cursor.place(&list).unwrap(), (-5, 20_260_000_000_001));
        assert!(matches!(
            cursor.place(&ListBinding::of(&("state", "closed"))),
            Err(StoreError::InvalidCursor)
        ));
    }

    #[test]
    fn a_cursor_of_items_reads_back_and_belongs_to_one_list() {
        let list = ListBinding::of(&"all");
        let cursor = CiCursor::after(&list, -5, CiName::new("Deployment/shop/cart").unwrap());
        let cursor: CiCursor = cursor.to_string().parse().unwrap();
        assert_eq!(cursor.place(&list).unwrap(), (-5, "Deployment/shop/cart"));
        assert!(matches!(cursor.place(&ListBinding::of(&"other")), Err(StoreError::InvalidCursor)));
        for refused in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAP8"] {
            assert!(refused.parse::<CiCursor>().is_err(), "{refused}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let text = Cursor::after(&ListBinding::of(&1), 1, 2).to_string();
        for refused in ["", "x", "é", &text[1..], &format!("{text}AAAA"), &text.replace('A', "!")] {
            assert!(refused.parse::<Cursor>().is_err(), "{refused}");
        }
    }
}
