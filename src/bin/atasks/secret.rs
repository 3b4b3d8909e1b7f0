//! `atasks secret`.

use atasks_cluster::secret::{Secret, SecretError};
use serde_json::json;

use crate::{
    arguments::{self, Options},
    failure::{Failure, Kind},
    output,
};

pub(crate) fn run(options: &Options, arguments: &arguments::Secret) -> Result<(), Failure> {
    let refused = |error: &SecretError| Failure::new(Kind::NotDone, "system", format!("{error}"));
    let secret = Secret::generate().map_err(|error| refused(&error))?;
    let Some(file) = &arguments.file else {
        let secret = secret.reveal();
        return match options.json {
            true => Ok(output::json(&json!({ "secret": secret }))?),
            false => Ok(output::print(&format!("{secret}\n"))?),
        };
    };
    secret.write_new(file).map_err(|error| match &error {
        SecretError::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => Failure::wrong_use(
            format!("{} is there already, and may be in use: move it away first, or name another file", file.display()),
        ),
        SecretError::Io { source, .. } => Failure::wrong_use(format!("{} cannot be written: {source}", file.display())),
        error => refused(error),
    })?;
    if options.json {
        return Ok(output::json(&json!({ "file": file.display().to_string() }))?);
    }
    output::note(&format!(
        "wrote {}, readable by you alone; copy it to every machine of the cluster and name it in cluster.secret_file",
        file.display()
    ));
    Ok(())
}
