//! Finds where a page of a list begins, and how many items the list has. The caller is authorized
//! already. Whoever reads a whole list page by page learns the number with the first page, so that
//! it is not counted again for the others.

use crate::app::App;
use crate::db::{ChildList, Cursor, ObjectList};
use crate::error::Result;
use crate::model::page::Start;

/// Returns the cursor after which a page of objects begins, and the number of objects in the list;
/// `None` if the page begins after a cursor.
pub(crate) async fn of_objects(
    app: &App,
    list: &ObjectList<'_>,
    start: Start<Cursor>,
) -> Result<(Cursor, Option<u64>)> {
    let offset = match start {
        Start::After(cursor) => return Ok((cursor, None)),
        Start::First => 0,
        Start::At(offset) => offset,
    };
    let total = app.db.count_listed(list).await?;
    Ok((app.db.position_at(list, offset, total).await?, Some(total)))
}

/// Returns name and number of the child after which a page begins, and the number of children in the
/// list; `None` if the page begins after a cursor. Without a child, the list ends before the page.
pub(crate) async fn of_children(
    app: &App,
    list: &ChildList<'_>,
    start: Start<(String, i64)>,
) -> Result<(Option<(String, i64)>, Option<u64>)> {
    let offset = match start {
        Start::After(cursor) => return Ok((Some(cursor), None)),
        Start::First => 0,
        Start::At(offset) => offset,
    };
    let total = app.db.count_children(list).await?;
    Ok((app.db.child_position_at(list, offset, total).await?, Some(total)))
}
