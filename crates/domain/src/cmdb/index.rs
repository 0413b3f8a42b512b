//! Numbers of items and places, 32 bits wide: a million items and five million relations stay far below.

/// A number as an index.
pub(super) fn wide(number: u32) -> usize {
    number as usize
}

/// An index as a number.
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or_else(|_| unreachable!("the limits of the CMDB keep it far below 2^32"))
}
