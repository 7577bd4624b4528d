//! Rows of queries as structs. `sqlx::FromRow` can be derived, but the crate that derives it compiles
//! both database drivers a second time, for the compiler's own use.

/// Defines structs that `sqlx::query_as` reads from a row of either engine, each field from the column
/// of its name. `struct Name with field: Struct` has a field that is read from the same row, by the
/// names of its own fields.
macro_rules! row {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident $(with $inner:ident: $inner_type:ident)? {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),+ $(,)?
    })+) => { $(
        $(#[$meta])*
        $vis struct $name {
            $($inner: $inner_type,)?
            $($(#[$field_meta])* $field_vis $field: $type),+
        }

        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self {
                    $($inner: <$inner_type as sqlx::FromRow<'_, sqlx::sqlite::SqliteRow>>::from_row(row)?,)?
                    $($field: row.try_get(stringify!($field))?),+
                })
            }
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self {
                    $($inner: <$inner_type as sqlx::FromRow<'_, sqlx::postgres::PgRow>>::from_row(row)?,)?
                    $($field: row.try_get(stringify!($field))?),+
                })
            }
        }
    )+ };
}
