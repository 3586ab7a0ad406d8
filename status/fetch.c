#include "fetch.h"

#include "core/clock.h"
#include "core/stop.h"
#include "http/address.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_PAGE = 1 << 20 };

bool fetch_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* Anything but the full size ends the transfer with an error. */
static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    size_t length = size * count;
    if (fetch->length + length > LARGEST_PAGE)
        return 0;
    char *body = realloc(fetch->body, fetch->length + length + 1);
    if (!body)
        return 0;
    fetch->body = body;
    memcpy(body + fetch->length, data, length);
    fetch->length += length;
    body[fetch->length] = '\0';
    return length;
}

/* The system's message is shorter and clearer, where there is one. */
static void fail(struct fetch *fetch, CURL *easy, CURLcode result)
{
    long failure = 0;
    if (curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &failure) == CURLE_OK && failure != 0 &&
        result == CURLE_COULDNT_CONNECT)
        snprintf(fetch->problem, sizeof fetch->problem, "%s", strerror((int)failure));
    else if (result == CURLE_WRITE_ERROR)
        snprintf(fetch->problem, sizeof fetch->problem, "it sent more than %d bytes", LARGEST_PAGE);
    else if (!*fetch->problem)
        snprintf(fetch->problem, sizeof fetch->problem, "%s", curl_easy_strerror(result));
    free(fetch->body);
    fetch->body = NULL;
    fetch->length = 0;
}

static CURL *begin(CURLM *multi, struct fetch *fetch, const char *path, int64_t timeout)
{
    char url[HTTP_ADDRESS_SIZE + 64];
    CURL *easy = curl_easy_init();
    if (!easy)
        return NULL;
    snprintf(url, sizeof url, "http://%s%s", fetch->address, path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    /* A name server that does not answer must not delay the end: the thread that asks it ends on its own. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(timeout / MILLISECOND));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->problem);
    if (curl_multi_add_handle(multi, easy) == CURLM_OK)
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

static void finish_done(CURLM *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
        struct fetch *fetch;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&fetch);
        if (message->msg != CURLMSG_DONE || message->data.result == CURLE_OK)
            continue;
        fail(fetch, message->easy_handle, message->data.result);
    }
}

static void run(CURLM *multi)
{
    struct curl_waitfd stop = {.fd = stop_fd(), .events = CURL_WAIT_POLLIN};
    int running = 1;
    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0 && !stop_requested())
        if (curl_multi_poll(multi, &stop, 1, 1000, NULL) != CURLM_OK)
            break;
    finish_done(multi);
}

void fetch_all(struct fetch *fetches, size_t count, const char *path, int64_t timeout)
{
    CURLM *multi = curl_multi_init();
    CURL **handles = calloc(count, sizeof *handles);
    for (size_t i = 0; i < count; i++) {
        fetches[i].body = NULL;
        fetches[i].length = 0;
        fetches[i].problem[0] = '\0';
        if (multi && handles)
            handles[i] = begin(multi, &fetches[i], path, timeout);
    }
    if (multi && handles)
        run(multi);
    for (size_t i = 0; i < count; i++) {
        if (!fetches[i].body && !*fetches[i].problem)
            snprintf(fetches[i].problem, sizeof fetches[i].problem, "no answer");
        if (handles && handles[i]) {
            curl_multi_remove_handle(multi, handles[i]);
            curl_easy_cleanup(handles[i]);
        }
    }
    free(handles);
    curl_multi_cleanup(multi);
}

void fetch_free(struct fetch *fetches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(fetches[i].body);
}
