//! A map from hashes to numbers.

/// What is known by its hash; two things with one hash would be one, which the verification sees.
#[derive(Debug, Default)]
pub(super) struct Known {
    places: Vec<(u64, u32)>,
    used: usize,
}

impl Known {
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.places.resize(512, (0, 0));
        self.used = 0;
    }

    /// The number of a hash.
    pub(super) fn get(&self, hash: u64) -> Option<u32> {
        let place = self.place(hash | 1);
        (self.places[place].0 != 0).then(|| self.places[place].1)
    }

    fn place(&self, hash: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = (hash >> 32) as usize & mask;
        while self.places[place].0 != 0 && self.places[place].0 != hash {
            place = (place + 1) & mask;
        }
        place
    }

    /// Adds a hash that is not there.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        if self.used * 2 >= self.places.len() {
            let grown = vec![(0, 0); self.places.len() * 2];
            let old = std::mem::replace(&mut self.places, grown);
            for (hash, number) in old.into_iter().filter(|(hash, _)| *hash != 0) {
                let place = self.place(hash);
                self.places[place] = (hash, number);
            }
        }
        let place = self.place(hash | 1);
        self.places[place] = (hash | 1, number);
        self.used += 1;
    }
}
