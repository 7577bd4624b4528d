//! Reads single values out of XML responses.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Returns the text of the first element with a name, at any depth.
pub(crate) fn text_of(xml: &str, name: &str) -> Option<String> {
    texts_of(xml, name).into_iter().next()
}

/// Returns the text of every element with a name, at any depth. Of a document that is not
/// well-formed, those up to its fault.
pub(crate) fn texts_of(xml: &str, name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let (mut found, mut text) = (Vec::new(), None::<String>);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => text = (start.local_name().as_ref() == name.as_bytes()).then(String::new),
            Ok(Event::Text(more)) => {
                if let (Some(text), Ok(more)) = (&mut text, more.decode()) {
                    text.push_str(&more);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let (Some(text), Ok(name)) = (&mut text, reference.decode()) {
                    let escaped = format!("&{name};");
                    text.push_str(quick_xml::escape::unescape(&escaped).as_deref().unwrap_or(&escaped));
                }
            }
            Ok(Event::End(end)) => {
                if let Some(text) = text.take().filter(|_| end.local_name().as_ref() == name.as_bytes()) {
                    found.push(text);
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}
