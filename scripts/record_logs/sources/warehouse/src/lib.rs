//! Shelves and what lies on them.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Shelf {
    stock: BTreeMap<String, u32>,
}

impl Shelf {
    pub fn put(&mut self, name: String, count: u32) -> u32 {
        let stock = self.stock.entry(name).or_default();
        *stock += count;
        *stock
    }

    pub fn take(&mut self, name: &str, count: u32) -> Option<u32> {
        let stock = self.stock.get_mut(name)?;
        *stock = stock.checked_sub(count)?;
        Some(*stock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_adds_up() {
        let mut shelf = Shelf::default();
        shelf.put("mug".into(), 3);
        assert_eq!(shelf.put("mug".into(), 4), 7);
    }

    #[test]
    fn no_more_is_taken_than_there_is() {
        let mut shelf = Shelf::default();
        shelf.put("mug".into(), 3);
        assert_eq!(shelf.take("mug", 5), None);
        assert_eq!(shelf.take("mug", 3), Some(0));
    }
}
