#include "page.h"

#include "assets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of the page. */
struct content {
    const struct text_list *topics;
    size_t people;
    const char *note;
};

/* As text in HTML, also within quotes. */
static void write_text(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void write_note(const struct content *content, FILE *out)
{
    if (!content->note)
        return;
    fputs("<p class=\"note\">", out);
    write_text(out, content->note);
    fputs("</p>", out);
}

static void write_chart(const struct content *content, size_t topic, FILE *out)
{
    const char *name = content->topics->items[topic];
    fprintf(out, "<section class=\"chart%s\" aria-labelledby=\"chart-%zu\"><h2 id=\"chart-%zu\">",
            topic == content->people ? " people" : "", topic, topic);
    write_text(out, name);
    fprintf(
        out,
        " <span>%s</span></h2><div class=\"plot\" data-topic=\"%zu\" tabindex=\"0\" role=\"group\" aria-label=\"",
        topic == content->people ? "people: estimate and truth" : "", topic);
    write_text(out, name);
    fputs(", chart: the arrow keys move along it, its values are read out\"><p>nothing yet</p></div>"
          "<ul class=\"legend\" aria-label=\"lines and newest values\"></ul></section>\n",
          out);
}

static void write_charts(const struct content *content, FILE *out)
{
    if (content->people < content->topics->count)
        write_chart(content, content->people, out);
    for (size_t i = 0; i < content->topics->count; i++)
        if (i != content->people)
            write_chart(content, i, out);
}

static void write_topics(const struct content *content, FILE *out)
{
    for (size_t i = 0; i < content->topics->count; i++) {
        fputs("<tr><th scope=\"row\">", out);
        write_text(out, content->topics->items[i]);
        fputs("</th><td class=\"number\"></td><td class=\"number\"></td><td class=\"number\"></td>"
              "<td></td><td></td></tr>\n",
              out);
    }
}

static const struct {
    const char *mark;
    void (*write)(const struct content *content, FILE *out);
} places[] = {
    {"<!--note-->", write_note},
    {"<!--charts-->", write_charts},
    {"<!--topics-->", write_topics},
};

/* Writes the template, in which the places come in the order of the table. */
static void write_page(const struct content *content, FILE *out)
{
    const char *at = (const char *)asset_index, *end = at + asset_index_size;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *mark = memmem(at, (size_t)(end - at), places[i].mark, strlen(places[i].mark));
        if (!mark)
            abort();
        fwrite(at, 1, (size_t)(mark - at), out);
        places[i].write(content, out);
        at = mark + strlen(places[i].mark);
    }
    fwrite(at, 1, (size_t)(end - at), out);
}

char *page_make(const struct text_list *topics, size_t people, const char *note, size_t *length)
{
    const struct content content = {topics, people, note};
    char *page = NULL;
    FILE *out = open_memstream(&page, length);
    if (!out)
        return NULL;
    write_page(&content, out);
    if (fclose(out) == 0)
        return page;
    free(page);
    return NULL;
}
