//! Gives the variants of a type schemas of their own, named by their titles. Tools name what they
//! generate after a schema's name, and some skip variants without one, or with a description beside
//! the reference.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{Discriminator, Object, OneOf, Schema};
use utoipa::openapi::{Components, Ref, RefOr};

/// Moves titled variants out of the types that have them.
pub(super) fn name_variants(components: &mut Components) {
    let mut named = BTreeMap::new();
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::OneOf(either)) = schema {
            name_variants_of(either, &mut named);
        }
    }
    components.schemas.append(&mut named);
}

fn name_variants_of(either: &mut OneOf, named: &mut BTreeMap<String, RefOr<Schema>>) {
    let mut by_tag = BTreeMap::new();
    for item in &mut either.items {
        if let RefOr::Ref(reference) = item {
            reference.description.clear();
            continue;
        }
        let RefOr::T(Schema::Object(variant)) = item else { return };
        let Some(name) = variant.title.take() else { return };
        let reference = Ref::from_schema_name(&name);
        by_tag.extend(tag(variant).map(|tag| (tag, reference.ref_location.clone())));
        named.insert(name, std::mem::replace(item, RefOr::Ref(reference)));
    }
    if !by_tag.is_empty() && by_tag.len() == either.items.len() {
        either.discriminator = Some(Discriminator::with_mapping("type", by_tag));
    }
}

/// Returns the only value that the member `type` of a variant can have.
fn tag(variant: &Object) -> Option<String> {
    let RefOr::T(Schema::Object(kind)) = variant.properties.get("type")? else { return None };
    match kind.enum_values.as_deref()? {
        [only] => only.as_str().map(str::to_owned),
        _ => None,
    }
}
