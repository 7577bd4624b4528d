//! Pages of lists: where they begin, and what they hold.

/// The beginning of a page. `C` is the list's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<C> {
    /// At the beginning of the list.
    First,
    /// After the last item of another page.
    After(C),
    /// After this number of items.
    At(u64),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more after them.
    pub more: bool,
    /// The number of items of the whole list; `None` if the page began after a cursor.
    pub total: Option<u64>,
}
