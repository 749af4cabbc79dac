//! Places in object storage, and who asks there: from each provider's usual variables and files.

use super::url::{self, Url};
use icecore_store::{
    AzureCredential, AzureSettings, GoogleSettings, ObjectSettings, S3Settings, Service,
};
use std::ffi::OsStr;

/// Gives a variable of the environment.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

const S3_CREDENTIALS: &str = "keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from \
                              AWS_PROFILE and ~/.aws, or from the machine's role";
const AZURE_CREDENTIALS: &str = "keys come from AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or \
                                 from AZURE_CLIENT_ID and its like, or from the machine's identity";
const GOOGLE_CREDENTIALS: &str = "keys come from the file in GOOGLE_APPLICATION_CREDENTIALS, from \
                                  `gcloud auth application-default login`, or from the machine";

/// Reads the URL of a place.
pub(super) fn parse(text: &OsStr, variables: Variables<'_>) -> Result<ObjectSettings, String> {
    let text = text.to_str().ok_or("the URL of the repository is no UTF-8")?;
    let (scheme, rest) = text.split_once(':').ok_or("a URL begins with a scheme")?;
    let (prefix, service) = match scheme {
        "s3" => {
            let url = Url::parse(scheme, rest, S3_CREDENTIALS)?;
            (url.prefix.clone(), Service::S3(s3(&url, variables)?))
        }
        "azblob" => {
            let url = Url::parse(scheme, rest, AZURE_CREDENTIALS)?;
            (url.prefix.clone(), Service::Azure(azure(&url, variables)?))
        }
        _ => {
            let url = Url::parse(scheme, rest, GOOGLE_CREDENTIALS)?;
            (url.prefix.clone(), Service::Google(google(&url, variables)?))
        }
    };
    Ok(ObjectSettings { service, prefix })
}

fn s3(url: &Url<'_>, variables: Variables<'_>) -> Result<S3Settings, String> {
    url.refuse_others(&["endpoint", "region", "virtual-host"], S3_CREDENTIALS)?;
    let endpoint = endpoint(url, &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], variables)?;
    let region = url
        .setting("region")
        .or_else(|| variables("AWS_REGION"))
        .or_else(|| variables("AWS_DEFAULT_REGION"));
    let region = match (region, &endpoint) {
        (Some(region), _) => region,
        // Servers of one's own have none, and take this one.
        (None, Some(_)) => "us-east-1".to_owned(),
        (None, None) => {
            return Err("which region is the bucket in? Say ?region=REGION in the URL, or set \
                        AWS_REGION"
                .to_owned());
        }
    };
    let is_virtual_host = match url.setting("virtual-host").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err("the setting 'virtual-host' is true or false".to_owned()),
    };
    let bucket = url.bucket.to_owned();
    Ok(S3Settings { bucket, endpoint, region, is_virtual_host, credential: None })
}

fn azure(url: &Url<'_>, variables: Variables<'_>) -> Result<AzureSettings, String> {
    url.refuse_others(&["account", "endpoint"], AZURE_CREDENTIALS)?;
    let account = url
        .setting("account")
        .or_else(|| variables("AZURE_STORAGE_ACCOUNT"))
        .or_else(|| variables("AZURE_STORAGE_ACCOUNT_NAME"))
        .ok_or(
            "which storage account is the container in? Say ?account=ACCOUNT in the URL, or set \
             AZURE_STORAGE_ACCOUNT",
        )?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if account.is_empty() || !account.bytes().all(is_name) {
        return Err("a storage account's name is small letters and digits".to_owned());
    }
    let key = variables("AZURE_STORAGE_KEY").or_else(|| variables("AZURE_STORAGE_ACCOUNT_KEY"));
    let credential = match (variables("AZURE_STORAGE_SAS_TOKEN"), key) {
        (Some(signature), _) => Some(AzureCredential::SharedAccessSignature(signature.into())),
        (None, Some(key)) => Some(AzureCredential::AccountKey(key.into())),
        (None, None) => None,
    };
    let endpoint = endpoint(url, &["AZURE_STORAGE_SERVICE_ENDPOINT"], variables)?;
    Ok(AzureSettings { container: url.bucket.to_owned(), account, endpoint, credential })
}

fn google(url: &Url<'_>, variables: Variables<'_>) -> Result<GoogleSettings, String> {
    url.refuse_others(&["endpoint"], GOOGLE_CREDENTIALS)?;
    let bucket = url.bucket.to_owned();
    if let Some(emulator) = variables("STORAGE_EMULATOR_HOST") {
        let is_bare = !emulator.contains("://");
        let emulator = if is_bare { format!("http://{emulator}") } else { emulator };
        let endpoint = Some(url::endpoint("STORAGE_EMULATOR_HOST", &emulator)?);
        return Ok(GoogleSettings { bucket, endpoint, is_anonymous: true });
    }
    let endpoint = endpoint(url, &[], variables)?;
    Ok(GoogleSettings { bucket, endpoint, is_anonymous: false })
}

/// The server, from the URL or else from the first of the variables that is set.
fn endpoint(
    url: &Url<'_>,
    names: &[&str],
    variables: Variables<'_>,
) -> Result<Option<String>, String> {
    if let Some(text) = url.setting("endpoint") {
        return url::endpoint("the setting 'endpoint'", &text).map(Some);
    }
    match names.iter().find_map(|name| Some((name, variables(name)?))) {
        Some((name, text)) => url::endpoint(name, &text).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<ObjectSettings, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name)?;
            Some(found.1.to_owned())
        };
        parse(OsStr::new(text), &variable)
    }

    fn refused(text: &str) -> String {
        parsed(text, &[]).unwrap_err()
    }

    #[test]
    fn a_url_has_a_bucket_a_prefix_and_settings() {
        let url = "s3://shop-backups/of/shop/?endpoint=http%3A%2F%2F127.0.0.1:9000/&region=eu-1";
        let settings = parsed(url, &[("AWS_REGION", "us-west-2")]).unwrap();
        assert_eq!(settings.place(), "s3://shop-backups/of/shop");
        let Service::S3(s3) = settings.service else { panic!("{settings:?}") };
        assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!((s3.region.as_str(), s3.is_virtual_host), ("eu-1", false));

        assert_eq!(parsed("gs://b", &[]).unwrap().place(), "gs://b");
        let azure = parsed("azblob://backups/x?account=shop", &[("AZURE_STORAGE_KEY", "c2VjcmV0")]);
        let azure = azure.unwrap();
        assert_eq!(azure.place(), "azblob://backups/x");
        assert!(!format!("{azure:?}").contains("c2VjcmV0"), "{azure:?}");
    }

    #[test]
    fn what_the_url_does_not_say_comes_from_the_providers_variables() {
        let variables = [("AWS_ENDPOINT_URL", "https://s3.example"), ("AWS_DEFAULT_REGION", "r")];
        let Service::S3(s3) = parsed("s3://b", &variables).unwrap().service else { panic!() };
        assert_eq!((s3.endpoint.as_deref(), s3.region.as_str()), (Some("https://s3.example"), "r"));
        let variables = [("STORAGE_EMULATOR_HOST", "127.0.0.1:4443")];
        let Service::Google(google) = parsed("gs://b", &variables).unwrap().service else {
            panic!()
        };
        assert_eq!(google.endpoint.as_deref(), Some("http://127.0.0.1:4443"));
        assert!(google.is_anonymous);
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        insta::assert_snapshot!(refused("s3://backups/shop"), @"which region is the bucket in? Say ?region=REGION in the URL, or set AWS_REGION");
        insta::assert_snapshot!(refused("azblob://backups"), @"which storage account is the container in? Say ?account=ACCOUNT in the URL, or set AZURE_STORAGE_ACCOUNT");
        insta::assert_snapshot!(refused("s3:///shop"), @"the URL has no bucket: say s3://BUCKET/PREFIX");
        insta::assert_snapshot!(refused("s3:backups"), @"say s3://BUCKET/PREFIX");
    }

    #[test]
    fn unknown_settings_are_refused_by_name() {
        insta::assert_snapshot!(refused("gs://b?region=x"), @"the URL has the setting 'region', and what can be set there is endpoint; keys come from the file in GOOGLE_APPLICATION_CREDENTIALS, from `gcloud auth application-default login`, or from the machine");
        insta::assert_snapshot!(refused("s3://b?region=a&region=b"), @"the URL has the setting 'region' twice");
        insta::assert_snapshot!(refused("s3://b?region"), @"a setting in the URL has no value");
        insta::assert_snapshot!(refused("s3://b/a//c"), @"a segment of the URL's path is empty, . or ..");
        insta::assert_snapshot!(refused("s3://b?endpoint=ftp://x"), @"the setting 'endpoint' begins with neither http:// nor https://");
    }

    #[test]
    fn a_key_in_a_url_is_refused_wherever_it_stands_and_not_repeated() {
        for url in [
            "s3://AKEY:hunter2@b/p",
            "s3://hunter2@b/p",
            "s3://b/p?access_key_id=hunter2",
            "s3://b/p?Hunter2=x",
            "s3://b/p?Hunter2",
            "s3://b/p?endpoint=https://u:hunter2@host",
            "s3:https://AKEY:hunter2@host/b",
            "azblob://b?account=a&sig=hunter2",
            "gs://b?token=hunter2",
        ] {
            let error = refused(url);
            assert!(!error.contains("unter2") && !error.contains("AKEY"), "{url}: {error}");
        }
        insta::assert_snapshot!(refused("s3://AKEY:hunter2@b/p"), @"the URL has a user, a key or a port where its bucket is: keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from AWS_PROFILE and ~/.aws, or from the machine's role");
    }
}
