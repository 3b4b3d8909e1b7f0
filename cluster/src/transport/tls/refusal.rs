//! What a failed handshake tells about the other end.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Their certificate is not of our authority, or ours not of theirs.
    WrongSecret,
    /// They do not speak TLS 1.3.
    OtherProtocol,
    /// The connection broke, or something rarer.
    Broken,
}

impl Refusal {
    /// Judges the error of a handshake, which carries rustls's own inside.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::of_tls(error),
            None => Self::Broken,
        }
    }

    fn of_tls(error: &Error) -> Self {
        match error {
            // All authorities share one name, so a foreign one shows as a signature that does not fit its key.
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
            | Error::NoCertificatesPresented
            | Error::AlertReceived(
                AlertDescription::UnknownCA
                | AlertDescription::DecryptError
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired,
            ) => Self::WrongSecret,
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::PeerIncompatible(_)
            | Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure) => {
                Self::OtherProtocol
            }
            _ => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::{InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn each_failure_is_told_as_what_it_means() {
        for (error, refusal) in [
            (Error::InvalidCertificate(CertificateError::BadSignature), Refusal::WrongSecret),
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), Refusal::WrongSecret),
            (Error::InvalidCertificate(CertificateError::Expired), Refusal::Broken),
            (Error::NoCertificatesPresented, Refusal::WrongSecret),
            (Error::AlertReceived(AlertDescription::DecryptError), Refusal::WrongSecret),
            (Error::AlertReceived(AlertDescription::InternalError), Refusal::Broken),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), Refusal::OtherProtocol),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), Refusal::OtherProtocol),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), Refusal::OtherProtocol),
        ] {
            let wrapped = io::Error::new(io::ErrorKind::InvalidData, error.clone());
            assert_eq!(Refusal::of(&wrapped), refusal, "{error}");
        }
        assert_eq!(Refusal::of(&io::ErrorKind::UnexpectedEof.into()), Refusal::Broken);
    }
}
