//! atasks
