//! What was appended is recovered, whatever a crash or damage leaves of the last batch.

use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::open_files::Holder;
use super::batch::HEADER;
use super::*;

const STORE: StoreId = *b"sixteen bytes id";

const LOG: LogId = *b"another 16 bytes";

/// Files in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<[Vec<u8>; 2]>>);

impl Storage for Memory {
    fn claim(&mut self, _: usize) -> io::Result<Option<Holder>> {
        Ok(None)
    }

    fn check_place(&self) -> io::Result<()> {
        Ok(())
    }

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

    fn remove(&mut self, file: usize) -> io::Result<()> {
        self.set_length(file, 0)
    }

    fn set_aside(&mut self, file: usize, _: &str) -> io::Result<()> {
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
        prop_assert!(recovered.torn.is_empty());
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

/// A batch of ten bytes, whose key is its number.
fn small(number: u8) -> Vec<Record> {
    vec![(vec![number], Some(vec![number; 5]))]
}

#[test]
fn a_file_that_was_cut_is_damaged() {
    // A file that is as short as it can be, and one that has grown.
    for batches in [vec![small(1)], vec![small(1), vec![(vec![2], Some(vec![7; STEP as usize]))], small(3)]] {
        let whole = written(0, std::slice::from_ref(&batches));
        assert!(whole.iter().all(|file| (file.len() as u64).is_multiple_of(STEP) && !file.is_empty()));
        for file in [0, 1] {
            for length in [PAGE, 2 * PAGE, STEP as usize - 1, whole[file].len() - 1] {
                let mut cut = whole.clone();
                cut[file].truncate(length);
                let error = read(&cut, 0).map(drop).unwrap_err();
                assert!(error.to_string().contains("its end is missing"), "{error}");
            }
        }
    }
    // What is left looks like a file that grew for a batch which was never complete.
    let mut cut = written(0, &[vec![small(1), vec![(vec![2], Some(vec![7; STEP as usize]))]]]);
    cut[file_of(1)].truncate(STEP as usize);
    let recovered = read(&cut, 0).unwrap();
    assert_eq!((recovered.records, recovered.torn), (small(1), vec![file_of(1)]));
}

/// The next generation knows how many batches this one had.
#[test]
fn the_last_batches_of_a_complete_generation_cannot_get_lost() {
    let whole = written(0, &[vec![small(1), small(2), small(3)], vec![small(4)]]);
    let file = file_of(1);
    for lost in 1..=3 {
        let mut damaged = whole.clone();
        damaged[file][(4 - lost) * PAGE..].fill(0);
        let error = read(&damaged, 0).map(drop).unwrap_err().to_string();
        assert!(
            error.contains("last batches are missing") || error.contains("in between are missing"),
            "{error}"
        );
        // The database has them.
        assert_eq!(read(&damaged, 1).unwrap().records, small(4));
    }
    assert_eq!(read(&whole, 0).unwrap().records.len(), 4);
}

/// The number is right, too, if the generation before was written by a process that ended.
#[test]
fn a_generation_continues_the_one_of_an_earlier_process() {
    for (applied, batches) in [(0, 3), (1, 1)] {
        let files = Memory(Arc::new(Mutex::new(written(0, &[vec![small(1), small(2), small(3)]]))));
        let owner = Owner { store: STORE, log: LogState::Open(LOG), applied: Checkpoint::after(applied) };
        let (mut log, _) = Log::read(Box::new(files.clone()), &owner, LOG, owned).unwrap();
        log.open().unwrap();
        append(&mut log, &small(4));
        let files = files.0.lock().unwrap();
        assert_eq!(read(&files, 0).unwrap().records.len(), 4, "{applied}");
        assert_eq!(read(&files, 1).unwrap().records.len(), 1, "{batches}");
    }
}

#[test]
fn a_batch_that_cannot_be_read_is_told() {
    let whole = written(0, &[vec![small(1), small(2)]]);
    let file = file_of(1);
    assert!(read(&whole, 0).unwrap().torn.is_empty());
    for at in [26, 30, 36, HEADER + 3] {
        let mut damaged = whole.clone();
        damaged[file][2 * PAGE + at] ^= 1;
        let recovered = read(&damaged, 0).unwrap();
        assert_eq!((recovered.records, recovered.torn), (small(1), vec![file]), "{at}");
    }
}

/// Files that fail to take a write, but took it.
#[derive(Clone, Default)]
struct Failing(Memory, Arc<std::sync::atomic::AtomicBool>);

impl Storage for Failing {
    fn claim(&mut self, _: usize) -> io::Result<Option<Holder>> {
        Ok(None)
    }

    fn check_place(&self) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>> {
        self.0.read(file)
    }

    fn open(&mut self) -> io::Result<[u64; 2]> {
        self.0.open()
    }

    fn create(&mut self, content: &[u8]) -> io::Result<()> {
        self.0.create(content)
    }

    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(file, at, data)
    }

    fn sync(&self, _: usize) -> io::Result<()> {
        match self.1.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn set_length(&self, file: usize, length: u64) -> io::Result<()> {
        self.0.set_length(file, length)
    }

    fn remove(&mut self, file: usize) -> io::Result<()> {
        self.0.remove(file)
    }

    fn set_aside(&mut self, file: usize, suffix: &str) -> io::Result<()> {
        self.0.set_aside(file, suffix)
    }

    fn name(&self, file: usize) -> String {
        self.0.name(file)
    }
}

/// What a failed append left is gone, and the file does not look cut.
#[test]
fn a_failed_append_leaves_whole_steps() {
    for large in [5, STEP as usize] {
        let files = Failing::default();
        let owner = Owner { store: STORE, log: LogState::None, applied: Checkpoint::START };
        let (mut log, _) = Log::read(Box::new(files.clone()), &owner, LOG, owned).unwrap();
        log.create().unwrap();
        log.set_started();
        append(&mut log, &small(1));
        files.1.store(true, std::sync::atomic::Ordering::SeqCst);
        let value = vec![2; large];
        log.append([(&[2][..], Some(value))]).unwrap_err();
        let kept = |files: &Failing| read(&files.0.0.lock().unwrap(), 0).unwrap();
        let recovered = kept(&files);
        assert_eq!((recovered.records, recovered.torn), (small(1), vec![]));
        append(&mut log, &small(3));
        assert_eq!(kept(&files).records, [small(1), small(3)].concat());
    }
}
