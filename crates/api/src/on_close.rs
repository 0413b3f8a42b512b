//! What is brought up to date when a change is closed as successful.

use std::collections::BTreeMap;

use domain::change::on_close as d;
use domain::cmdb::{AttributeName, AttributeValue, InvalidLine};
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, parse_optional, unique_map};

/// What is brought up to date when a change is closed as successful.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnClose {
    /// What becomes of items in the CMDB, by id. Each is among what the change affects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub cmdb: BTreeMap<String, CiUpdate>,
    /// What is documented. Whoever closes the change as successful says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
}

/// What becomes of one item.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CiUpdate {
    /// planned, active or deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<String>,
    /// Attributes that it has then, such as `version`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub attributes: BTreeMap<String, String>,
}

impl OnClose {
    pub(crate) fn to_domain(&self) -> Result<d::OnClose, FieldError> {
        let items = self.cmdb.iter().map(|(name, update)| {
            let at = format!("cmdb.{name}");
            let attribute = |(name, value): (&String, &String)| {
                let at = format!("{at}.attributes.{name}");
                let refused = |error: InvalidLine| FieldError::new(&*at, error);
                let name = AttributeName::new(name.as_str()).map_err(refused)?;
                Ok((name, AttributeValue::new(value.as_str()).map_err(refused)?))
            };
            let lifecycle = parse_optional(&format!("{at}.lifecycle"), update.lifecycle.as_deref())?;
            let attributes = update.attributes.iter().map(attribute).collect::<Result<_, FieldError>>()?;
            Ok((parse(&at, name)?, d::CiUpdate { lifecycle, attributes }))
        });
        let documentation = self.documentation.as_deref().map(FreeText::new).transpose();
        Ok(d::OnClose {
            cmdb: items.collect::<Result<_, FieldError>>()?,
            documentation: documentation.map_err(|error| FieldError::new("documentation", error))?,
        })
    }

    pub(crate) fn from_domain(on_close: &d::OnClose) -> Option<Self> {
        let items = on_close.cmdb.iter().map(|(name, update)| {
            let attributes =
                update.attributes.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            let lifecycle = update.lifecycle.map(|lifecycle| lifecycle.to_string());
            (name.to_string(), CiUpdate { lifecycle, attributes: attributes.collect() })
        });
        (!on_close.is_empty()).then(|| Self {
            cmdb: items.collect(),
            documentation: on_close.documentation.as_ref().map(ToString::to_string),
        })
    }
}
