//! Where a repository was cloned from, without the credentials that pipelines put into addresses.

/// A remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    address: String,
    name: String,
}

impl Remote {
    /// Reads `https://host/owner/name.git`, `git@host:owner/name.git` or a path. User names and passwords are dropped.
    pub fn parse(address: &str) -> Self {
        let (address, path) = if let Some((scheme, rest)) = address.split_once("://") {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            // Everything after `?` or `#` could be a token, too.
            let path = path.split(['?', '#']).next().unwrap_or_default();
            (format!("{scheme}://{}/{path}", without_user(authority)), path)
        } else if let Some((host, path)) = host_and_path(address) {
            (format!("{}:{path}", without_user(host)), path)
        } else {
            (address.to_owned(), last_part(address))
        };
        let path = if address.starts_with("file:") { last_part(path) } else { path };
        let path = path.trim_matches('/');
        Self { name: path.strip_suffix(".git").unwrap_or(path).to_owned(), address }
    }

    /// The address without user name, password and query.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `owner/name`, or the last folder of a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The remote called `origin`, or else the first one, from the output of `git config -z --get-regexp`.
    pub(super) fn choose(output: &str) -> Option<Self> {
        let mut remotes = output.split('\0').filter_map(|entry| entry.split_once('\n'));
        let first = remotes.clone().next();
        let origin = remotes.find(|(key, _)| *key == "remote.origin.url");
        origin.or(first).map(|(_, address)| Self::parse(address))
    }
}

/// The short form `user@host:path`, in which no slash comes before the colon.
fn host_and_path(address: &str) -> Option<(&str, &str)> {
    address.split_once(':').filter(|(host, _)| !host.contains('/'))
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
