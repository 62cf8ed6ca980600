//! The methods of `Backend`, forwarded. A wrapper has a field `backend` and a method `around`, which is handed each call and
//! the work that makes it.

/// The methods that every backend must implement.
macro_rules! forward_required_methods {
    () => {
        fn get<'a>(
            &'a self,
            key: gridauth::store::Key<'a>,
        ) -> gridauth::store::StoreFuture<'a, Option<std::sync::Arc<gridauth::store::Row>>> {
            self.around($crate::Call::Get(key), move || self.backend.get(key))
        }

        fn insert<'a>(
            &'a self,
            key: gridauth::store::Key<'a>,
            row: gridauth::store::Row,
        ) -> gridauth::store::StoreFuture<'a, bool> {
            self.around($crate::Call::Insert(key), move || self.backend.insert(key, row))
        }

        fn put<'a>(
            &'a self,
            key: gridauth::store::Key<'a>,
            row: gridauth::store::Row,
        ) -> gridauth::store::StoreFuture<'a, ()> {
            self.around($crate::Call::Put(key), move || self.backend.put(key, row))
        }

        fn update<'a>(
            &'a self,
            key: gridauth::store::Key<'a>,
            decide: &'a mut (dyn FnMut(&gridauth::store::Row) -> gridauth::store::Change + Send),
        ) -> gridauth::store::StoreFuture<'a, gridauth::store::Updated> {
            self.around($crate::Call::Update(key), move || self.backend.update(key, decide))
        }

        fn remove<'a>(&'a self, key: gridauth::store::Key<'a>) -> gridauth::store::StoreFuture<'a, bool> {
            self.around($crate::Call::Remove(key), move || self.backend.remove(key))
        }

        fn list<'a>(
            &'a self,
            query: gridauth::store::Query<'a>,
        ) -> gridauth::store::StoreFuture<'a, gridauth::store::Page> {
            let asked = query.clone();
            self.around($crate::Call::List(&asked), move || self.backend.list(query))
        }

        fn ping(&self) -> gridauth::store::StoreFuture<'_, ()> {
            self.around($crate::Call::Ping, move || self.backend.ping())
        }
    };
}

/// The methods that the trait provides and a backend may replace.
macro_rules! forward_provided_methods {
    () => {
        fn cursor_after_failure(
            &self,
            query: &gridauth::store::Query<'_>,
        ) -> Option<gridauth::store::Cursor> {
            self.backend.cursor_after_failure(query)
        }

        fn is_shared(&self) -> bool {
            self.backend.is_shared()
        }

        fn remove_expired(
            &self,
            kind: gridauth::store::Kind,
            now: gridauth::env::Timestamp,
            limit: usize,
        ) -> gridauth::store::StoreFuture<'_, usize> {
            self.around($crate::Call::RemoveExpired(kind), move || {
                self.backend.remove_expired(kind, now, limit)
            })
        }
    };
}
