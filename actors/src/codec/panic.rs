//! The boundary that panics of the user's serde code do not pass.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs user code; a panic in it becomes its message.
///
/// What `code` has written to is not looked at after a panic, so it need not be unwind safe.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(message)
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        (None, None) => "a panic whose payload is not text".to_owned(),
    };
    // The payload's destructor is the user's code as well.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
    message
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;

    use super::*;

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("dropped"));
        }
    }

    #[test]
    fn the_message_of_a_panic_is_kept() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| resume_unwind(Box::new("text"))), Err::<(), _>("text".to_owned()));
        assert_eq!(catch(|| resume_unwind(Box::new("owned".to_owned()))), Err::<(), _>("owned".to_owned()));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_survived() {
        let unreadable = Err::<(), _>("a panic whose payload is not text".to_owned());
        assert_eq!(catch(|| resume_unwind(Box::new(7))), unreadable);
        assert_eq!(catch(|| resume_unwind(Box::new(Bomb))), unreadable);
    }
}
