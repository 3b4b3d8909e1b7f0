//! The cluster's certificate authority, derived from its secret, and the certificates it signs.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::Ed25519KeyPair;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::error::TransportError;
use crate::secret::Secret;

/// The name every node certificate carries. Who a node is, the hello says: the secret makes all nodes equal.
pub(super) const NODE_NAME: &str = "node.atasks";
/// Another salt is another authority: to be changed only together with the wire's version.
const SALT: &[u8] = b"atasks cluster authority v1";
const SEED_BYTES: usize = 32;

/// Signs node certificates. Two authorities of the same secret are the same: equal name, equal key.
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A node's certificate and its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(super) fn derive(secret: &Secret) -> Result<Self, TransportError> {
        let key = signing_key(secret)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "atasks cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// Signs a new certificate with a new key. It is valid at any time: hosts need not agree on the date, and a node
    /// needs no renewal, for who could steal its key could steal the secret.
    pub(super) fn sign_node(&self) -> Result<Identity, TransportError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::new(vec![NODE_NAME.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Identity { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() })
    }
}

/// HKDF-SHA256 (RFC 5869) of the secret is the seed of an Ed25519 key (RFC 8032).
fn signing_key(secret: &Secret) -> Result<KeyPair, TransportError> {
    let mut seed = [0; SEED_BYTES];
    Salt::new(HKDF_SHA256, SALT)
        .extract(secret.as_bytes())
        .expand(&[b"ed25519"], SeedBytes)
        .and_then(|output| output.fill(&mut seed))
        .map_err(|_unspecified| TransportError::Key)?;
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_rejected| TransportError::Key)?;
    let pkcs8 = key.to_pkcs8().map_err(|_unspecified| TransportError::Key)?;
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8.as_ref()), &PKCS_ED25519)?)
}

/// How HKDF is told a length.
struct SeedBytes;

impl KeyType for SeedBytes {
    fn len(&self) -> usize {
        SEED_BYTES
    }
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;

    use super::*;

    fn secret(text: &str) -> Secret {
        text.parse().unwrap()
    }

    #[test]
    fn a_secret_makes_the_same_authority_everywhere() {
        // Fixed for ever: a node of another build must derive the same key.
        let key = signing_key(&secret("8f1c0a52d3e94b7768b3f5120c9d4e6ba17f83c2550e6d9922b4d8f0713cae15")).unwrap();
        let public: String = key.der_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(public, "e1b0a277a8a6a21ec4b7502f5dca65c254574bf86666fafa2599306b76fa8f50");
    }

    #[test]
    fn another_secret_makes_another_authority() {
        let one = signing_key(&Secret::generate().unwrap()).unwrap();
        let two = signing_key(&Secret::generate().unwrap()).unwrap();
        assert_ne!(one.der_bytes(), two.der_bytes());
    }

    #[test]
    fn each_start_has_a_key_of_its_own() {
        let authority = Authority::derive(&Secret::generate().unwrap()).unwrap();
        let (one, two) = (authority.sign_node().unwrap(), authority.sign_node().unwrap());
        assert_ne!(one.key.secret_der(), two.key.secret_der());
        assert_ne!(one.certificate, two.certificate);
    }
}
