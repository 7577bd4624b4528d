//! Limits on GraphQL queries, checked on the parsed text before validation and execution. Fragments
//! that include each other three times make a query of one page come to billions of fields.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextParseQuery, NextValidation};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{ServerError, ServerResult, ValidationResult, Variables};

/// The longest query in bytes, without its variables.
const MAX_TEXT: usize = 64 << 10;
/// The most fragments in a query.
const MAX_FRAGMENTS: usize = 100;
/// The most selections and directives of a query, each counted as often as it is used.
const MAX_SELECTIONS: usize = 2000;

/// The complexity that the operations of a batch have left together. Each of them carries it as
/// data.
#[derive(Debug, Clone)]
pub(super) struct ComplexityBudget(Arc<AtomicUsize>);

impl ComplexityBudget {
    /// Creates the budget of a batch.
    pub(super) fn new(complexity: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(complexity)))
    }

    /// Takes the complexity of an operation from the budget. Returns `false` if it is more than
    /// what is left.
    fn spend(&self, complexity: usize) -> bool {
        let spend = |left: usize| left.checked_sub(complexity);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

/// The extension that refuses queries over the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits;

impl ExtensionFactory for Limits {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Limits {
    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        check(query).map_err(|wrong| ServerError::new(wrong, None))?;
        next.run(context, query, variables).await
    }

    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = next.run(context).await?;
        match context.data_opt::<ComplexityBudget>() {
            Some(budget) if !budget.spend(valid.complexity) => {
                Err(vec![ServerError::new("the operations of the batch are too complex together", None)])
            }
            _ => Ok(valid),
        }
    }
}

/// Checks the limits. A query that does not parse passes, since the parser reports it better.
fn check(query: &str) -> Result<(), String> {
    if query.len() > MAX_TEXT {
        return Err(format!("a query may have at most {MAX_TEXT} bytes"));
    }
    let Ok(document) = parse_query(query) else { return Ok(()) };
    if document.fragments.len() > MAX_FRAGMENTS {
        return Err(format!("a query may have at most {MAX_FRAGMENTS} fragments"));
    }
    let mut known = HashMap::new();
    let mut all = 0_usize;
    for (_, operation) in document.operations.iter() {
        all = all.saturating_add(selections(&operation.node.selection_set.node, &document, &mut known));
    }
    // Validation may expand unused fragments before it refuses them.
    for name in document.fragments.keys() {
        all = all.max(fragment(name, &document, &mut known));
    }
    if all > MAX_SELECTIONS {
        return Err(format!("the query comes to more than {MAX_SELECTIONS} fields"));
    }
    Ok(())
}

/// Returns the number of selections in a set, with fragments expanded; saturates if a fragment
/// includes itself.
fn selections<'a>(
    set: &'a SelectionSet,
    document: &'a ExecutableDocument,
    known: &mut HashMap<&'a str, usize>,
) -> usize {
    let mut all = 0_usize;
    for item in &set.items {
        let (directives, within) = match &item.node {
            Selection::Field(field) => {
                (field.node.directives.len(), selections(&field.node.selection_set.node, document, known))
            }
            Selection::InlineFragment(fragment) => {
                (fragment.node.directives.len(), selections(&fragment.node.selection_set.node, document, known))
            }
            Selection::FragmentSpread(spread) => {
                (spread.node.directives.len(), fragment(&spread.node.fragment_name.node, document, known))
            }
        };
        all = all.saturating_add(1).saturating_add(directives).saturating_add(within);
    }
    all
}

/// Returns the number of selections in a fragment, computed once.
fn fragment<'a>(name: &'a str, document: &'a ExecutableDocument, known: &mut HashMap<&'a str, usize>) -> usize {
    if let Some(all) = known.get(name) {
        return *all;
    }
    let Some(fragment) = document.fragments.get(name) else { return 0 };
    // If the fragment is reached again meanwhile, it includes itself.
    known.insert(name, usize::MAX);
    let all = selections(&fragment.node.selection_set.node, document, known);
    known.insert(name, all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_comes_to_is_known_before_it_is_worked_on() {
        let multiplying = |levels: usize| {
            let fragments: String =
                (1..levels).map(|n| format!("fragment F{n} on Query{{...F{m} ...F{m} ...F{m}}} ", m = n + 1)).collect();
            format!("{{...F1}} {fragments} fragment F{levels} on Query{{__typename}}")
        };
        assert!(check(&multiplying(5)).is_ok());
        for levels in [8, 20, 99] {
            assert!(check(&multiplying(levels)).is_err(), "{levels}");
        }
        assert!(check(&multiplying(200)).unwrap_err().contains("fragments"));
        // Unused fragments count too, since validation expands them.
        assert!(check(&multiplying(20).replacen("{...F1}", "{__typename}", 1)).is_err());
        assert!(check("{...A} fragment A on Query{...B} fragment B on Query{...A}").is_err(), "in a ring");
        assert!(check(&format!("{{{}}}", "a ".repeat(2001))).is_err());
        assert!(check(&format!("{{a {}}}", "@skip(if: true)".repeat(2001))).is_err());
        assert!(check(&" ".repeat(MAX_TEXT + 1)).is_err());
        assert!(check("{ a { b } ... on Query { c } ...F } fragment F on Query { d }").is_ok());
        assert!(check("no query at all").is_ok(), "said by the parser");
    }
}
