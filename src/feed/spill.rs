//! Rows on disk, partitioned by their key: each part fits into memory, however long the list is, and
//! rows with the same key are in the same part.

use std::fs::{DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use csv::{Reader, ReaderBuilder, StringRecord, Writer, WriterBuilder};
use uuid::Uuid;

/// Ten million rows are parts of 80,000.
const PARTS: u64 = 128;

/// Rows on disk. They go when it is dropped.
pub struct Spill {
    folder: PathBuf,
    parts: Vec<Writer<BufWriter<File>>>,
}

impl Spill {
    /// An empty one, in the temporary folder.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("wallet-feed-{}", Uuid::new_v4().simple()));
        // It holds players and amounts, and the temporary folder is everybody's.
        DirBuilder::new().mode(0o700).create(&folder)?;
        let mut spill = Self { folder, parts: Vec::new() };
        for part in 0..PARTS {
            let file = File::options().write(true).create_new(true).open(spill.path(part))?;
            let file = BufWriter::with_capacity(4096, file);
            spill.parts.push(WriterBuilder::new().has_headers(false).from_writer(file));
        }
        Ok(spill)
    }

    fn path(&self, part: u64) -> PathBuf {
        self.folder.join(part.to_string())
    }

    /// Adds a row, of which the first cell is the key.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn push(&mut self, row: &[&str]) -> anyhow::Result<()> {
        let mut hasher = DefaultHasher::new();
        row.first().hash(&mut hasher);
        let part = usize::try_from(hasher.finish() % PARTS)?;
        if let Some(part) = self.parts.get_mut(part) {
            part.write_record(row)?;
        }
        Ok(())
    }

    /// The parts, one after the other.
    ///
    /// # Errors
    /// Where it cannot be written to its end.
    pub fn read(&mut self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Part>>> {
        for part in &mut self.parts {
            part.flush()?;
        }
        let paths: Vec<PathBuf> = (0..PARTS).map(|part| self.path(part)).collect();
        Ok(paths.into_iter().map(|path| {
            let file = BufReader::new(File::open(path)?);
            Ok(Part(ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file)))
        }))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary folder.
        let _: std::io::Result<()> = std::fs::remove_dir_all(&self.folder);
    }
}

/// One part.
pub struct Part(Reader<BufReader<File>>);

impl Part {
    /// Its rows.
    pub fn rows(&mut self) -> impl Iterator<Item = csv::Result<StringRecord>> {
        self.0.records()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_same_key_is_in_the_same_part_of_both_and_nothing_is_left_behind() {
        let (mut one, mut other) = (Spill::new().expect("a spill"), Spill::new().expect("a spill"));
        for number in 0..1000 {
            one.push(&[&format!("k,\"{number}\n"), "one"]).expect("room");
            other.push(&[&format!("k,\"{}\n", 999 - number)]).expect("room");
        }
        let folder = one.folder.clone();
        let mode = std::fs::metadata(&folder).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else reads it");
        let mut count = 0;
        let parts = one.read().expect("parts").zip(other.read().expect("parts"));
        for (mine, yours) in parts {
            let keys = |part: anyhow::Result<Part>| {
                let mut part = part.expect("a part");
                let keys: std::collections::BTreeSet<String> =
                    part.rows().map(|row| row.expect("a row")[0].to_owned()).collect();
                keys
            };
            let (mine, yours) = (keys(mine), keys(yours));
            assert_eq!(mine, yours);
            count += mine.len();
        }
        assert_eq!(count, 1000);
        drop(one);
        assert!(!folder.exists());
    }
}
