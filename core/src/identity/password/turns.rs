//! Who computes the next hash: sources take turns.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::HashingError;
use super::requester::Requester;

/// A bounded number of permits, and a bounded queue for them.
///
/// Each requester has a line of its own, and the lines are served in turn. Where the queue is full, whoever has the shortest line
/// takes the last place in the longest one. So a requester that sends many requests makes nobody but itself wait or fail.
pub(super) struct Turns {
    max_running: usize,
    max_queued: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    queued: usize,
    /// None of the lines is empty.
    lines: HashMap<Requester, VecDeque<oneshot::Sender<()>>>,
    /// Every requester with a line, the next one first.
    order: VecDeque<Requester>,
}

/// A permit. The next in the queue gets it when it is dropped.
pub(super) struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Turns {
    pub(super) fn new(max_running: usize, max_queued: usize) -> Self {
        Self { max_running, max_queued, state: Mutex::default() }
    }

    /// Waits for a permit.
    pub(super) async fn take(self: Arc<Self>, requester: Requester) -> Result<Turn, HashingError> {
        let receiver = {
            let mut state = self.state();
            // Nobody is in the queue while a permit is free.
            if state.running < self.max_running {
                state.running += 1;
                drop(state);
                return Ok(Turn(self));
            }
            state.join(requester, self.max_queued)?
        };
        let mut place = Place { turns: &self, requester, receiver };
        let called = (&mut place.receiver).await;
        drop(place);
        // The sender is dropped when another requester takes the place.
        called.map(|()| Turn(self)).map_err(|_| HashingError::Busy)
    }

    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.running == 0 && state.queued == 0
    }

    /// Hands a permit to the next in the queue.
    fn release(&self) {
        let mut state = self.state();
        while let Some(next) = state.next() {
            if next.send(()).is_ok() {
                return;
            }
        }
        state.running -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        assert_eq!(state.queued, state.lines.values().map(VecDeque::len).sum::<usize>());
        assert_eq!(state.lines.len(), state.order.len());
        (state.running, state.queued)
    }
}

impl State {
    fn join(
        &mut self,
        requester: Requester,
        max_queued: usize,
    ) -> Result<oneshot::Receiver<()>, HashingError> {
        if self.queued >= max_queued {
            self.displace_for(requester)?;
        }
        let (sender, receiver) = oneshot::channel();
        let line = self.lines.entry(requester).or_default();
        if line.is_empty() {
            self.order.push_back(requester);
        }
        line.push_back(sender);
        self.queued += 1;
        Ok(receiver)
    }

    /// Makes room by ending the last wait in the longest line, if that line stays at least as long as the requester's becomes.
    fn displace_for(&mut self, requester: Requester) -> Result<(), HashingError> {
        let own = self.lines.get(&requester).map_or(0, VecDeque::len);
        let longest = self.lines.iter_mut().max_by_key(|(_, line)| line.len());
        match longest {
            // So the line does not become empty.
            Some((_, line)) if line.len() > own + 1 => {
                line.pop_back();
                self.queued -= 1;
                Ok(())
            }
            _ => Err(HashingError::Busy),
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let requester = self.order.pop_front()?;
        let line = self.lines.get_mut(&requester)?;
        let next = line.pop_front()?;
        self.queued -= 1;
        if line.is_empty() {
            self.lines.remove(&requester);
        } else {
            self.order.push_back(requester);
        }
        Some(next)
    }

    /// Forgets those in this line that no longer wait.
    fn leave(&mut self, requester: Requester) {
        let Some(line) = self.lines.get_mut(&requester) else { return };
        let before = line.len();
        line.retain(|waiting| !waiting.is_closed());
        self.queued -= before - line.len();
        if line.is_empty() {
            self.lines.remove(&requester);
            self.order.retain(|other| *other != requester);
        }
    }
}

/// A place in the queue. It is left when the wait ends or is cancelled.
struct Place<'a> {
    turns: &'a Turns,
    requester: Requester,
    receiver: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        match self.receiver.try_recv() {
            // The permit came, and nobody took it.
            Ok(()) => self.turns.release(),
            Err(_) => self.turns.state().leave(self.requester),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::net::IpAddr;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;

    use super::*;
    use crate::identity::Source;

    fn requester(number: u8) -> Requester {
        Requester::of(Source::forwarded(IpAddr::from([192, 0, 2, number])))
    }

    type Wait = Pin<Box<dyn Future<Output = Result<Turn, HashingError>>>>;

    fn ask(turns: &Arc<Turns>, number: u8) -> Wait {
        Box::pin(Arc::clone(turns).take(requester(number)))
    }

    fn poll(wait: &mut Wait) -> Poll<Result<Turn, HashingError>> {
        wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// A wait that has begun.
    fn waiting(turns: &Arc<Turns>, number: u8) -> Wait {
        let mut wait = ask(turns, number);
        assert!(poll(&mut wait).is_pending());
        wait
    }

    fn now(turns: &Arc<Turns>, number: u8) -> Result<Turn, HashingError> {
        match poll(&mut ask(turns, number)) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// Which of these waits has got its permit.
    fn called(waits: &mut Vec<(u8, Wait)>) -> Option<(u8, Turn)> {
        let mut found = None;
        waits.retain_mut(|(number, wait)| match poll(wait) {
            Poll::Ready(answer) => {
                assert!(found.is_none());
                found = Some((*number, answer.unwrap()));
                false
            }
            Poll::Pending => true,
        });
        found
    }

    #[test]
    fn sources_take_turns() {
        let turns = Arc::new(Turns::new(1, 100));
        let first = now(&turns, 1).unwrap();
        let mut waits: Vec<_> = [1, 1, 1, 2, 2, 3].map(|number| (number, waiting(&turns, number))).into();
        let mut running = first;
        let mut served = Vec::new();
        while !waits.is_empty() {
            drop(running);
            let (number, turn) = called(&mut waits).unwrap();
            served.push(number);
            running = turn;
        }
        assert_eq!(served, [1, 2, 3, 1, 2, 1]);
        assert_eq!(turns.counts(), (1, 0));
        drop(running);
        assert!(turns.is_idle());
    }

    #[test]
    fn where_the_queue_is_full_the_longest_line_gives_way() {
        let turns = Arc::new(Turns::new(1, 6));
        let _running = now(&turns, 1).unwrap();
        let mut flood: Vec<_> = (0..6).map(|_| waiting(&turns, 1)).collect();
        assert!(matches!(now(&turns, 1), Err(HashingError::Busy)));
        // Up to the half.
        let others: Vec<_> = (0..3).map(|_| waiting(&turns, 2)).collect();
        assert!(matches!(now(&turns, 2), Err(HashingError::Busy)));
        assert_eq!(turns.counts(), (1, 6));
        let ended: Vec<_> = flood.iter_mut().map(|wait| poll(wait).is_ready()).collect();
        assert_eq!(ended, [false, false, false, true, true, true]);
        let _third: Vec<_> = (0..2).map(|_| waiting(&turns, 3)).collect();
        assert!(matches!(now(&turns, 3), Err(HashingError::Busy)));
        drop(others);
        assert!(turns.counts().1 <= 4);
    }

    #[test]
    fn whoever_stops_waiting_leaves_the_queue_and_loses_no_permit() {
        let turns = Arc::new(Turns::new(1, 2));
        let running = now(&turns, 1).unwrap();
        let (gone, mut stays) = (waiting(&turns, 2), waiting(&turns, 3));
        drop(gone);
        assert_eq!(turns.counts(), (1, 1));
        // Called, and dropped before it could hear of it.
        let called = waiting(&turns, 2);
        drop(running);
        assert!(matches!(poll(&mut stays), Poll::Ready(Ok(_))));
        drop(called);
        assert_eq!(turns.counts(), (0, 0));
        assert!(now(&turns, 1).is_ok());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u8),
        Finish,
        Cancel(prop::sample::Index),
    }

    proptest! {
        #[test]
        fn permits_and_places_are_bounded_and_none_is_lost(
            steps in prop::collection::vec(
                prop_oneof![
                    4 => (0u8..4).prop_map(Step::Ask),
                    2 => Just(Step::Finish),
                    1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
                ],
                0..120,
            ),
            max_running in 1usize..4,
            max_queued in 0usize..6,
        ) {
            let turns = Arc::new(Turns::new(max_running, max_queued));
            let (mut running, mut waits) = (VecDeque::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Ask(number) => waits.push(ask(&turns, number)),
                    Step::Finish => drop(running.pop_front()),
                    Step::Cancel(at) if !waits.is_empty() => drop(waits.remove(at.index(waits.len()))),
                    Step::Cancel(_) => {}
                }
                // One that asks may end the wait of one that was polled before.
                for _ in 0..2 {
                    waits.retain_mut(|wait| match poll(wait) {
                        Poll::Ready(Ok(turn)) => {
                            running.push_back(turn);
                            false
                        }
                        Poll::Ready(Err(_)) => false,
                        Poll::Pending => true,
                    });
                }
                prop_assert_eq!(turns.counts(), (running.len(), waits.len()));
                prop_assert!(running.len() <= max_running && waits.len() <= max_queued);
                prop_assert!(waits.is_empty() || running.len() == max_running);
            }
            drop((running, waits));
            prop_assert!(turns.is_idle());
        }
    }
}
