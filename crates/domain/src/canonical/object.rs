//! An object in JSON whose members can be looked at, and to which more can be added.

use std::ops::Range;

use serde::Serialize;

use super::form::{utf16_order, write_text};
use super::marks::Marks;
use super::writer::Writer;
use super::{NotCanonical, to_vec};

/// An object in canonical JSON, unless its marks say that order does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    json: Vec<u8>,
    /// Where each member's value lies, in the order of the members.
    members: Vec<(String, Range<usize>)>,
}

impl Object {
    /// Writes a value that is an object, with `marks` saying what stands for marked ones in it.
    ///
    /// # Errors
    /// When the value is no object or has no canonical form.
    pub fn of<T: Serialize + ?Sized, M: Marks>(value: &T, marks: &mut M) -> Result<Self, NotCanonical> {
        let mut writer = Writer::new(marks);
        value.serialize(&mut writer)?;
        let (json, members) = writer.into_parts();
        if json.first() != Some(&b'{') {
            return Err(NotCanonical::NotAnObject);
        }
        Ok(Self { json, members })
    }

    /// The JSON of a member's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, place) = self.members.iter().find(|(name, _)| name == key)?;
        self.json.get(place.clone()).and_then(|json| std::str::from_utf8(json).ok())
    }

    /// Adds a member, in its place among those of a canonical object.
    ///
    /// # Errors
    /// When it has such a member already, or the value has no canonical form.
    pub fn insert<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), NotCanonical> {
        let at = match self.members.binary_search_by(|(name, _)| utf16_order(name, key)) {
            Ok(_) => return Err(NotCanonical::KeyTwice { key: key.to_owned() }),
            Err(at) => at,
        };
        let mut added = Vec::new();
        // Before the first member the comma comes behind the new one, anywhere else in front of it.
        let begin = match at.checked_sub(1).and_then(|before| self.members.get(before)) {
            Some((_, before)) => {
                added.push(b',');
                before.end
            }
            None => 1,
        };
        write_text(key, &mut added);
        added.push(b':');
        let value_begin = begin + added.len();
        added.extend(to_vec(value)?);
        let value_end = begin + added.len();
        if at == 0 && !self.members.is_empty() {
            added.push(b',');
        }
        for (_, place) in self.members.iter_mut().skip(at) {
            *place = place.start + added.len()..place.end + added.len();
        }
        drop(self.json.splice(begin..begin, added));
        self.members.insert(at, (key.to_owned(), value_begin..value_end));
        Ok(())
    }

    /// The object's JSON.
    pub fn into_vec(self) -> Vec<u8> {
        self.json
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::canonical::marks::NoMarks;

    #[test]
    fn members_are_found_and_those_that_are_added_come_in_their_place() {
        let mut object =
            Object::of(&json!({ "b": [1, { "y": 2, "x": 1 }], "d": null }), &mut NoMarks).unwrap();
        assert_eq!(object.get("b"), Some(r#"[1,{"x":1,"y":2}]"#));
        assert_eq!(object.get("x"), None);
        for (key, value) in [("c", 1), ("a", 2), ("e", 3)] {
            object.insert(key, &value).unwrap();
        }
        assert_eq!((object.get("a"), object.get("c"), object.get("d")), (Some("2"), Some("1"), Some("null")));
        assert_eq!(object.insert("c", &4), Err(NotCanonical::KeyTwice { key: "c".to_owned() }));
        let expected = r#"{"a":2,"b":[1,{"x":1,"y":2}],"c":1,"d":null,"e":3}"#;
        assert_eq!(String::from_utf8(object.into_vec()).unwrap(), expected);
        assert_eq!(Object::of(&[1], &mut NoMarks), Err(NotCanonical::NotAnObject));
    }

    proptest! {
        #[test]
        fn adding_members_one_by_one_is_writing_them_together(
            keys in prop::collection::btree_set("[a-e\u{e000}\u{10000}\"]{0,3}", 0..8),
            begin in 0_usize..8,
        ) {
            let whole: Map<String, Value> = keys.iter().map(|key| (key.clone(), json!([key]))).collect();
            let (first, later): (Vec<_>, Vec<_>) = whole.iter().enumerate().partition(|(at, _)| *at < begin);
            let first: Map<String, Value> =
                first.into_iter().map(|(_, (key, value))| (key.clone(), value.clone())).collect();
            let mut object = Object::of(&first, &mut NoMarks).unwrap();
            for (_, (key, value)) in later.into_iter().rev() {
                object.insert(key, value).unwrap();
            }
            prop_assert_eq!(object.into_vec(), to_vec(&whole).unwrap());
        }
    }
}
