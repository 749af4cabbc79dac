//! Certificates that the tests make.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// The number of every certificate that an authority signs; it is enough to revoke one.
const NUMBER: u64 = 7;

/// Who signs certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut parameters = parameters(name, &[]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// Its own certificate, as PEM.
    pub(super) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name, and for the names of hosts.
    pub(super) fn sign(&self, name: &str, hosts: &[&str]) -> Identity {
        self.sign_these(&parameters(name, hosts))
    }

    /// A certificate that was valid once.
    pub(super) fn sign_expired(&self, name: &str, hosts: &[&str]) -> Identity {
        let mut parameters = parameters(name, hosts);
        parameters.not_after = date_time_ymd(2001, 1, 1);
        self.sign_these(&parameters)
    }

    /// A list with everything that it signed in it, as PEM, or with nothing.
    pub(super) fn revoke(&self, is_all: bool) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(NUMBER),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: if is_all { vec![revoked] } else { Vec::new() },
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    fn sign_these(&self, parameters: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

/// A certificate that signed itself, as `openssl req -x509` makes them: an authority.
pub(super) fn self_signed(hosts: &[&str]) -> Identity {
    let mut parameters = parameters("itself", hosts);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    Identity { certificate, key: key.serialize_pem() }
}

fn parameters(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.serial_number = Some(SerialNumber::from(NUMBER));
    parameters
}
