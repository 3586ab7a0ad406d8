#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *mqtt_tls_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *text =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    ERR_clear_error();
    return text ? text : "unknown reason";
}

static bool readable(const char *option, const char *path, struct error *error)
{
    return access(path, R_OK) == 0 ||
           error_set(error, "%s: cannot read %s: %s", option, path, strerror(errno));
}

static bool load_authorities(SSL_CTX *context, const struct mqtt_settings *settings, struct error *error)
{
    const char *file = settings->ca_file, *directory = settings->ca_directory;
    struct stat status;
    if (!file && !directory)
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               error_set(error, "the system's certificate authorities cannot be used: %s", mqtt_tls_reason());
    if (file && !readable("--cafile", file, error))
        return false;
    if (file && SSL_CTX_load_verify_file(context, file) != 1)
        return error_set(error, "--cafile: %s holds no certificate in PEM format: %s", file,
                         mqtt_tls_reason());
    if (directory && (!readable("--capath", directory, error) || stat(directory, &status) != 0))
        return false;
    if (directory && !S_ISDIR(status.st_mode))
        return error_set(error, "--capath: %s is not a folder; a file belongs to --cafile", directory);
    return !directory || SSL_CTX_load_verify_dir(context, directory) == 1 ||
           error_set(error, "--capath: %s cannot be used: %s", directory, mqtt_tls_reason());
}

/* What OpenSSL asks for the passphrase of a key. */
struct passphrase {
    const char *text;
    bool asked;
};

static int give_passphrase(char *buffer, int size, int writing, void *context)
{
    struct passphrase *passphrase = context;
    size_t length = passphrase->text ? strlen(passphrase->text) : 0;
    (void)writing;
    passphrase->asked = true;
    if (length > (size_t)size)
        return -1;
    memcpy(buffer, passphrase->text ? passphrase->text : "", length);
    return (int)length;
}

static bool load_certificate(SSL_CTX *context, const struct mqtt_settings *settings, const char *key_password,
                             struct error *error)
{
    const char *certificate = settings->cert_file,
               *key = settings->key_file ? settings->key_file : certificate;
    struct passphrase passphrase = {.text = key_password};
    if (!certificate)
        return true;
    if (!readable("--cert", certificate, error) || !readable("--key", key, error))
        return false;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return error_set(error, "--cert: %s holds no certificate in PEM format: %s", certificate,
                         mqtt_tls_reason());
    SSL_CTX_set_default_passwd_cb(context, give_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase);
    bool loaded = SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb(context, NULL);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (loaded)
        return true;
    if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH)
        return error_set(error, "--key: the key in %s does not belong to the certificate in %s", key,
                         certificate);
    if (passphrase.asked)
        return error_set(error, "--key: %s is encrypted, and %s", key,
                         key_password ? "the passphrase is wrong"
                                      : "no passphrase is given: use --key-password-file");
    return error_set(error, "--key: %s holds no private key in PEM format: %s", key, mqtt_tls_reason());
}

SSL_CTX *mqtt_tls_context(const struct mqtt_settings *settings, const char *key_password, struct error *error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        error_set(error, "TLS cannot be used: %s", mqtt_tls_reason());
        return NULL;
    }
    SSL_CTX_set_security_level(context, 1); /* as Paho has it */
    bool loaded = load_authorities(context, settings, error) &&
                  load_certificate(context, settings, key_password, error);
    ERR_clear_error();
    if (loaded)
        return context;
    SSL_CTX_free(context);
    return NULL;
}
