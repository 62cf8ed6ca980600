//! What was appended is recovered, whatever a crash or damage leaves of the last batch.

use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::batch::HEADER;
use super::*;

const STORE: StoreId = *b"sixteen bytes id";

const LOG: LogId = *b"another 16 bytes";

/// Files in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<[Vec<u8>; 2]>>);

impl Storage for Memory {
    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.0.lock().unwrap()[file].clone()))
    }

    fn open(&mut self) -> io::Result<[u64; 2]> {
        Ok(self.0.lock().unwrap().each_ref().map(|file| file.len() as u64))
    }

    fn create(&mut self, content: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap() = [content.to_vec(), content.to_vec()];
        Ok(())
    }

    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()> {
        let content = &mut self.0.lock().unwrap()[file];
        let end = at as usize + data.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at as usize..end].copy_from_slice(data);
        Ok(())
    }

    fn sync(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn set_length(&self, file: usize, length: u64) -> io::Result<()> {
        self.0.lock().unwrap()[file].resize(length as usize, 0);
        Ok(())
    }

    fn remove(&self, file: usize) -> io::Result<()> {
        self.set_length(file, 0)
    }

    fn set_aside(&self, file: usize, _: &str) -> io::Result<()> {
        self.set_length(file, 0)
    }

    fn name(&self, file: usize) -> String {
        file.to_string()
    }
}

type Record = (Vec<u8>, Option<Vec<u8>>);

fn owned(key: &[u8], value: Option<&[u8]>) -> Option<Record> {
    Some((key.to_vec(), value.map(<[u8]>::to_vec)))
}

fn append(log: &mut Log, records: &[Record]) {
    log.append(records.iter().map(|(key, value)| (&**key, value.clone()))).unwrap();
}

/// The records after `applied`, as another process would find them.
fn read(files: &[Vec<u8>; 2], applied: u64) -> Result<Recovered<Record>, LogError> {
    let storage = Memory(Arc::new(Mutex::new(files.clone())));
    let owner = Owner { store: STORE, log: LogState::Open(LOG), applied: Checkpoint::after(applied) };
    Log::read(Box::new(storage), &owner, LOG, owned).map(|(_, recovered)| recovered)
}

/// The files after these generations, each a list of batches, were written after `before` generations of small batches.
fn written(before: u64, generations: &[Vec<Vec<Record>>]) -> [Vec<u8>; 2] {
    let files = Memory::default();
    let owner = Owner { store: STORE, log: LogState::None, applied: Checkpoint::START };
    let (mut log, _) = Log::read(Box::new(files.clone()), &owner, LOG, owned).unwrap();
    log.create().unwrap();
    log.set_started();
    for _ in 0..before {
        for number in 0..9 {
            append(&mut log, &[(vec![number], Some(b"old".repeat(700)))]);
        }
        log.seal().unwrap();
    }
    for (number, batches) in generations.iter().enumerate() {
        if number > 0 {
            log.seal().unwrap();
        }
        for batch in batches {
            append(&mut log, batch);
        }
    }
    drop(log);
    Arc::into_inner(files.0).unwrap().into_inner().unwrap()
}

fn batches() -> impl Strategy<Value = Vec<Vec<Record>>> {
    let bytes = |most| proptest::collection::vec(any::<u8>(), 1..most);
    let record = (bytes(40), proptest::option::of(bytes(3000)));
    proptest::collection::vec(proptest::collection::vec(record, 1..6), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_appended_record_is_recovered(
        before in 0..4_u64, first in batches(), second in proptest::option::of(batches()),
    ) {
        let generations: Vec<_> = std::iter::once(first).chain(second).collect();
        let files = written(before, &generations);
        let all: Vec<Record> = generations.iter().flatten().flatten().cloned().collect();
        let last = before + generations.len() as u64;
        let recovered = read(&files, before).unwrap();
        prop_assert_eq!(recovered.records, all);
        prop_assert_eq!(recovered.checkpoint, Checkpoint::after(last));
        // Records that the database has are not recovered again.
        prop_assert!(read(&files, last).unwrap().records.is_empty());
    }

    #[test]
    fn an_incomplete_last_batch_does_not_affect_earlier_batches(
        before in 0..4_u64, batches in batches(), cut in any::<prop::sample::Index>(),
    ) {
        let whole = written(before, std::slice::from_ref(&batches));
        let without_last = written(before, &[batches[..batches.len() - 1].to_vec()]);
        let file = file_of(before + 1);
        let mut torn = without_last.clone();
        torn[file].resize(whole[file].len(), 0);
        // Part of the last batch is there, and the end of its records is not.
        let differs = |at: &usize| whole[file][*at] != torn[file][*at];
        let first = (0..whole[file].len()).find(differs).unwrap();
        let start = first / PAGE * PAGE;
        let length = whole[file][start + HEADER - 8..start + HEADER - 4].try_into().unwrap();
        let end = start + HEADER + u32::from_be_bytes(length) as usize;
        let last = (first..end).rev().find(differs).unwrap();
        let cut = first + cut.index(last - first + 1);
        torn[file][first..cut].copy_from_slice(&whole[file][first..cut]);
        let recovered = read(&torn, before).unwrap();
        let kept: Vec<Record> = batches[..batches.len() - 1].iter().flatten().cloned().collect();
        prop_assert_eq!(recovered.records, kept);
    }

    #[test]
    fn damage_is_detected_or_harmless(
        batches in batches(), at in any::<prop::sample::Index>(), with in 1..=255_u8,
    ) {
        let mut damaged = written(2, std::slice::from_ref(&batches));
        let file = file_of(3);
        let at = at.index(damaged[file].len());
        damaged[file][at] ^= with;
        if let Ok(recovered) = read(&damaged, 2) {
            let all: Vec<Record> = batches.iter().flatten().cloned().collect();
            // Damage after the last batch changes nothing; damage in it looks like a batch that was cut short.
            let without_last: usize = batches[..batches.len() - 1].iter().map(Vec::len).sum();
            prop_assert!(recovered.records == all || recovered.records[..] == all[..without_last]);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        one in any::<Vec<u8>>(), other in any::<Vec<u8>>(), header in any::<bool>(), batch in any::<bool>(),
    ) {
        let mut file = if header { header::encode(&STORE, &LOG) } else { Vec::new() };
        if batch {
            file.extend_from_slice(&LOG);
        }
        file.extend_from_slice(&one);
        let _ = read(&[file.clone(), header::encode(&STORE, &LOG)], 0);
        let _ = read(&[file, other], 0);
    }
}
