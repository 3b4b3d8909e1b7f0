//! What goes on between a Gateway and one that has asked it for something: an asker comes again and again until it is
//! told the end.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use atasks_actors::task_error::{Payload, TaskError};
use ractor::RpcReplyPort;
use tokio::{
    sync::{
        Notify,
        mpsc::{self, Receiver, Sender},
    },
    time::{Instant, sleep_until, timeout},
};

use super::{
    ABANDONED_AFTER, ANSWER_WITHIN,
    request::{Answer, TalkId, encode},
};

pub(super) type Port = RpcReplyPort<Vec<u8>>;

/// The talks of one kind that are not over.
#[derive(Clone, Default)]
pub(super) struct Talks {
    table: Arc<Mutex<Table>>,
    /// Tells one who waits that there is more room.
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    talks: BTreeMap<TalkId, Sender<Port>>,
    /// Bytes that were brought along, or wait to be asked for.
    bytes: usize,
}

impl Talks {
    pub(super) fn len(&self) -> usize {
        self.lock().talks.len()
    }

    /// Bytes that the talks hold.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Answers who waits for room as soon as `fits` says that there is some, or that there is none yet.
    pub(super) async fn tell_room(self, port: Port, fits: impl Fn(&Self) -> bool) {
        let waits = async {
            while !fits(&self) {
                self.freed.notified().await;
            }
        };
        let found = timeout(ANSWER_WITHIN, waits).await.is_ok();
        if found && port.is_closed() {
            // What it was woken for is for another.
            self.freed.notify_one();
        }
        answer(port, if found { &Answer::Room } else { &Answer::Full });
    }

    /// Begins a talk that brings so many bytes along; who asks comes by the receiver. It is on as long as its entry lives.
    pub(super) fn begin(&self, id: TalkId, port: Port, bytes: usize) -> (Receiver<Port>, Entry) {
        // One asks at a time; a second one is told that there is nothing yet.
        let (asks, asked) = mpsc::channel(1);
        let _ = asks.try_send(port);
        let mut table = self.lock();
        table.talks.insert(id, asks);
        table.bytes += bytes;
        drop(table);
        (asked, Entry { talks: self.clone(), id, bytes })
    }

    /// Passes on who asks again; gives it back if the talk is not known.
    pub(super) fn ask(&self, id: TalkId, port: Port) -> Result<(), Port> {
        match self.lock().talks.get(&id) {
            Some(talk) => match talk.try_send(port) {
                Ok(()) => Ok(()),
                Err(mpsc::error::TrySendError::Full(port)) => {
                    answer(port, &Answer::NotYet);
                    Ok(())
                }
                Err(mpsc::error::TrySendError::Closed(port)) => Err(port),
            },
            None => Err(port),
        }
    }

    /// Ends a talk: nobody asks any more.
    pub(super) fn forget(&self, id: TalkId) {
        self.lock().talks.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the talk out of the table at its end, whatever that is.
pub(super) struct Entry {
    talks: Talks,
    id: TalkId,
    bytes: usize,
}

impl Entry {
    /// Holds so many bytes from now on, whatever it was before. False: all talks would hold more than `most`.
    fn holds(&mut self, bytes: usize, most: usize) -> bool {
        let mut table = self.talks.lock();
        let others = table.bytes - self.bytes;
        let fits = others + bytes <= most;
        if fits {
            table.bytes = others + bytes;
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = self.talks.lock();
        table.talks.remove(&self.id);
        table.bytes -= self.bytes;
        drop(table);
        self.talks.freed.notify_one();
    }
}

/// Answers who asks; it may have gone.
pub(super) fn answer(port: Port, answer: &Answer) {
    if port.is_closed() {
        return;
    }
    // No answer is too large but one that was made so: its payload is bounded.
    let bytes =
        encode(answer).unwrap_or_else(|error| encode(&Answer::Malformed(error.to_string())).unwrap_or_default());
    let _ = port.send(bytes);
}

/// Tells how `ending` ends to who asks. Dropped before: nobody asks any more. While nobody does the end is kept, as long
/// as all that is kept is not more than `most` bytes.
pub(super) async fn tell_end(
    mut asks: Receiver<Port>,
    mut entry: Entry,
    most: usize,
    ending: impl Future<Output = Answer>,
) {
    let mut ending = pin!(ending);
    let mut asked: Option<Port> = None;
    let mut since = Instant::now();
    let mut end = loop {
        let patience = if asked.is_some() { ANSWER_WITHIN } else { ABANDONED_AFTER };
        tokio::select! {
            biased;
            end = &mut ending => break end,
            next = asks.recv() => match next {
                Some(port) => {
                    if let Some(before) = asked.replace(port) {
                        answer(before, &Answer::NotYet);
                    }
                }
                None => return,
            },
            () = sleep_until(since + patience) => match asked.take() {
                Some(port) => answer(port, &Answer::NotYet),
                None => return,
            },
        }
        since = Instant::now();
    };
    if let (Answer::Returned(bytes), None) = (&end, &asked)
        && !entry.holds(bytes.len(), most)
    {
        end = Answer::Failed(TaskError::TooLarge { size: bytes.len(), limit: most, what: Payload::Result });
    }
    let port = match asked {
        Some(port) => Some(port),
        None => timeout(ABANDONED_AFTER, asks.recv()).await.ok().flatten(),
    };
    if let Some(port) = port {
        answer(port, &end);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use atasks_actors::codec;
    use tokio::{sync::oneshot, time::sleep};

    use super::*;

    const MOST: usize = 100;

    fn asker() -> (Port, oneshot::Receiver<Vec<u8>>) {
        let (port, answer) = oneshot::channel();
        (port.into(), answer)
    }

    async fn told(answer: oneshot::Receiver<Vec<u8>>) -> Answer {
        codec::decode(&answer.await.unwrap()).unwrap()
    }

    async fn after(time: Duration) -> Answer {
        sleep(time).await;
        Answer::Returned(b"end".to_vec().into())
    }

    fn is_end(answer: &Answer) -> bool {
        matches!(answer, Answer::Returned(bytes) if **bytes == *b"end")
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_is_near_is_told_at_once() {
        let talks = Talks::default();
        let (port, answer) = asker();
        let (asked, entry) = talks.begin(1, port, 7);
        assert_eq!((talks.len(), talks.bytes()), (1, 7));
        tell_end(asked, entry, MOST, after(Duration::from_secs(1))).await;
        assert!(is_end(&told(answer).await));
        assert_eq!((talks.len(), talks.bytes()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_is_far_is_told_to_who_asks_again_and_again() {
        let talks = Talks::default();
        let (port, mut answer) = asker();
        let (asked, entry) = talks.begin(1, port, 7);
        let began = Instant::now();
        let talk = tokio::spawn(tell_end(asked, entry, MOST, after(Duration::from_secs(3600))));
        let mut asked = 1;
        while matches!(told(answer).await, Answer::NotYet) {
            let (port, next) = asker();
            talks.ask(1, port).unwrap();
            (answer, asked) = (next, asked + 1);
        }
        assert_eq!((began.elapsed(), asked), (Duration::from_secs(3600), 720));
        talk.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_any_more_is_dropped() {
        let talks = Talks::default();
        let (port, answer) = asker();
        let (asked, entry) = talks.begin(1, port, 7);
        let began = Instant::now();
        tell_end(asked, entry, MOST, std::future::pending()).await;
        assert_eq!(began.elapsed(), ANSWER_WITHIN + ABANDONED_AFTER);
        assert!(matches!(told(answer).await, Answer::NotYet));
        let (port, answer) = asker();
        let (asked, entry) = talks.begin(2, port, 7);
        let talk = tokio::spawn(tell_end(asked, entry, MOST, std::future::pending()));
        tokio::task::yield_now().await;
        talks.forget(2);
        talk.await.unwrap();
        assert_eq!(began.elapsed(), ANSWER_WITHIN + ABANDONED_AFTER, "at once");
        drop(answer);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_waits_for_who_asks() {
        let talks = Talks::default();
        let (port, first) = asker();
        let (asked, entry) = talks.begin(1, port, 7);
        tokio::spawn(tell_end(asked, entry, MOST, after(Duration::from_secs(6))));
        assert!(matches!(told(first).await, Answer::NotYet));
        sleep(Duration::from_secs(10)).await;
        let (port, late) = asker();
        talks.ask(1, port).unwrap();
        assert!(is_end(&told(late).await));
        let (port, _) = asker();
        assert!(talks.ask(9, port).is_err(), "another talk is not known");
    }

    #[tokio::test(start_paused = true)]
    async fn results_that_nobody_asks_for_are_counted_and_bounded() {
        let talks = Talks::default();
        let mut lasts = Vec::new();
        for id in 0..3 {
            let (port, first) = asker();
            let (asked, entry) = talks.begin(id, port, 1);
            let end = async {
                sleep(Duration::from_secs(6)).await;
                Answer::Returned(vec![7; 40].into())
            };
            tokio::spawn(tell_end(asked, entry, MOST, end));
            assert!(matches!(told(first).await, Answer::NotYet));
        }
        sleep(Duration::from_secs(10)).await;
        assert_eq!((talks.len(), talks.bytes()), (3, 2 * 40 + 1));
        for id in 0..3 {
            let (port, last) = asker();
            talks.ask(id, port).unwrap();
            lasts.push(told(last).await);
        }
        let [Answer::Returned(_), Answer::Returned(_), Answer::Failed(error)] = &lasts[..] else { panic!("{lasts:?}") };
        assert_eq!(*error, TaskError::TooLarge { size: 40, limit: MOST, what: Payload::Result });
        assert_eq!((talks.len(), talks.bytes()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_room_is_told_when_there_is_some_one_for_each_place() {
        let (talks, began) = (Talks::default(), Instant::now());
        let (port, _answer) = asker();
        let (_asked, entry) = talks.begin(1, port, 7);
        let is_empty = |talks: &Talks| talks.len() == 0;
        let waits = || {
            let (port, answer) = asker();
            (tokio::spawn(talks.clone().tell_room(port, is_empty)), answer)
        };
        // The first to wait goes away.
        let (gone, answer) = waits();
        tokio::task::yield_now().await;
        drop(answer);
        let (_told, answer) = waits();
        sleep(Duration::from_secs(1)).await;
        drop(entry);
        assert!(matches!(told(answer).await, Answer::Room));
        gone.await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(1), "at once");
        let (port, _answer) = asker();
        let _full = talks.begin(2, port, 7);
        assert!(matches!(told(waits().1).await, Answer::Full));
        assert_eq!(began.elapsed(), Duration::from_secs(1) + ANSWER_WITHIN);
    }
}
