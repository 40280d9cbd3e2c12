//! How far an agent's messages have come: at least once on the wire, exactly once in the tables.

/// What a numbered message is to who receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The one that was due.
    New,
    /// It was taken before: drop it silently, acknowledge it again.
    Repeated,
    /// New, but those from `from` to `to` never came and nobody said why.
    Gap {
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// Its numbers make no sense: the sender talks garbage.
    Nonsense,
}

/// The receiving side of one agent's sequence. Numbers begin with 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    taken: u64,
    committed: u64,
}

impl Inbox {
    /// `acked` is the highest number in the tables; 0 before the first.
    pub fn new(acked: u64) -> Self {
        Self { taken: acked, committed: acked }
    }

    /// A report or events with this number came.
    pub fn take(&mut self, seq: u64) -> Taken {
        self.take_range(seq, seq)
    }

    /// `lost` came: it stands in the place of the numbers `from` to `to`, its own is `to`.
    pub fn take_lost(&mut self, seq: u64, from: u64, to: u64) -> Taken {
        if seq == to { self.take_range(from, to) } else { Taken::Nonsense }
    }

    fn take_range(&mut self, from: u64, to: u64) -> Taken {
        if from == 0 || from > to {
            return Taken::Nonsense;
        }
        if to <= self.taken {
            return Taken::Repeated;
        }
        let due = self.taken + 1;
        self.taken = to;
        if from > due { Taken::Gap { from: due, to: from - 1 } } else { Taken::New }
    }

    /// The highest number that was taken; it may not be in the tables yet.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Everything up to `seq` is in the tables.
    pub fn commit(&mut self, seq: u64) {
        self.committed = self.committed.max(seq.min(self.taken));
    }

    /// What `ack` may say.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// A commit failed: what came after the last one is to be sent again, on a new link.
    pub fn roll_back(&mut self) {
        self.taken = self.committed;
    }
}
