//! How each kind of value is told to the writer.

use std::fmt::{Display, Write as _};

use serde::Serialize;
use serde::ser;
use serde_json::Number;

use super::{Frame, Member, Span, Step, Writer};
use crate::canonical::form::{write_number, write_text};
use crate::canonical::{Marks, NotCanonical};

/// An array that is being written, and the object around it where it is told as a variant.
pub(in crate::canonical) struct Items<'w, 'm, M> {
    writer: &'w mut Writer<'m, M>,
    count: usize,
    variant: Option<(Frame, Member)>,
}

/// An object that is being written, and the one around it where it is told as a variant.
pub(in crate::canonical) struct Members<'w, 'm, M> {
    writer: &'w mut Writer<'m, M>,
    frame: Frame,
    /// The key whose value comes next.
    key: Option<Span>,
    variant: Option<(Frame, Member)>,
}

impl<'w, 'm, M: Marks> ser::Serializer for &'w mut Writer<'m, M> {
    type Ok = ();
    type Error = NotCanonical;
    type SerializeSeq = Items<'w, 'm, M>;
    type SerializeTuple = Items<'w, 'm, M>;
    type SerializeTupleStruct = Items<'w, 'm, M>;
    type SerializeTupleVariant = Items<'w, 'm, M>;
    type SerializeMap = Members<'w, 'm, M>;
    type SerializeStruct = Members<'w, 'm, M>;
    type SerializeStructVariant = Members<'w, 'm, M>;

    fn serialize_bool(self, value: bool) -> Result<(), NotCanonical> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), NotCanonical> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), NotCanonical> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), NotCanonical> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), NotCanonical> {
        write_number(&value.into(), &mut self.out)
    }

    fn serialize_u8(self, value: u8) -> Result<(), NotCanonical> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), NotCanonical> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), NotCanonical> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), NotCanonical> {
        write_number(&value.into(), &mut self.out)
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotCanonical> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotCanonical> {
        let number = Number::from_f64(value);
        let number = number.ok_or_else(|| NotCanonical::Value(format!("{value} is not a number in JSON")))?;
        write_number(&number, &mut self.out)
    }

    fn serialize_char(self, value: char) -> Result<(), NotCanonical> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), NotCanonical> {
        write_text(value, &mut self.out);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), NotCanonical> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotCanonical> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), NotCanonical> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        let (frame, member) = self.begin_variant(variant)?;
        value.serialize(&mut *self)?;
        self.end_member(member);
        self.close(frame)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, NotCanonical> {
        Ok(self.items(None))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, NotCanonical> {
        Ok(self.items(None))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, NotCanonical> {
        Ok(self.items(None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, NotCanonical> {
        let around = self.begin_variant(variant)?;
        Ok(self.items(Some(around)))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, NotCanonical> {
        Ok(self.object(None))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, NotCanonical> {
        Ok(self.object(None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, NotCanonical> {
        let around = self.begin_variant(variant)?;
        Ok(self.object(Some(around)))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        self.text.clear();
        write!(self.text, "{value}").map_err(|error| NotCanonical::Value(error.to_string()))?;
        write_text(&self.text, &mut self.out);
        Ok(())
    }
}

impl<'w, 'm, M: Marks> Writer<'m, M> {
    fn items(&'w mut self, variant: Option<(Frame, Member)>) -> Items<'w, 'm, M> {
        self.out.push(b'[');
        Items { writer: self, count: 0, variant }
    }

    fn object(&'w mut self, variant: Option<(Frame, Member)>) -> Members<'w, 'm, M> {
        let frame = self.open();
        Members { writer: self, frame, key: None, variant }
    }

    /// Opens the object whose only member is named as a variant.
    fn begin_variant(&mut self, variant: &str) -> Result<(Frame, Member), NotCanonical> {
        let frame = self.open();
        let key = self.push_key(variant);
        Ok((frame, self.begin_member(frame, key)?))
    }

    fn end_variant(&mut self, variant: Option<(Frame, Member)>) -> Result<(), NotCanonical> {
        let Some((frame, member)) = variant else { return Ok(()) };
        self.end_member(member);
        self.close(frame)
    }
}

impl<M: Marks> Items<'_, '_, M> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        if self.count > 0 {
            self.writer.out.push(b',');
        }
        self.writer.steps.push(Step::Item(self.count));
        self.writer.check_depth()?;
        value.serialize(&mut *self.writer)?;
        self.writer.steps.pop();
        self.count += 1;
        Ok(())
    }

    fn finish(self) -> Result<(), NotCanonical> {
        self.writer.out.push(b']');
        self.writer.end_variant(self.variant)
    }
}

impl<M: Marks> Members<'_, '_, M> {
    fn member<T: Serialize + ?Sized>(&mut self, key: Span, value: &T) -> Result<(), NotCanonical> {
        let member = self.writer.begin_member(self.frame, key)?;
        value.serialize(&mut *self.writer)?;
        self.writer.end_member(member);
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), NotCanonical> {
        let key = self.writer.push_key(key);
        self.member(key, value)
    }

    fn finish(self) -> Result<(), NotCanonical> {
        self.writer.close(self.frame)?;
        self.writer.end_variant(self.variant)
    }
}

impl<M: Marks> ser::SerializeMap for Members<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotCanonical> {
        self.key = Some(self.writer.push_map_key(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        let key = self.key.take().ok_or_else(|| NotCanonical::Value("a value has no key".to_owned()))?;
        self.member(key, value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeSeq for Items<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeTuple for Items<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeTupleStruct for Items<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeTupleVariant for Items<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeStruct for Members<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}

impl<M: Marks> ser::SerializeStructVariant for Members<'_, '_, M> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.finish()
    }
}
