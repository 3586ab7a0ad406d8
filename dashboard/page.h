/* The page as it is before any message came, with a place for each chart and each row of topics, so that
 * nothing moves when they are filled. Pure functions. */
#ifndef ROOMSTREAM_DASHBOARD_PAGE_H
#define ROOMSTREAM_DASHBOARD_PAGE_H

#include "core/text.h"

#include <stddef.h>

/* Makes the page for the topics; `people` is the index of the one whose chart comes first. `note` is a line
 * for those who look, or NULL. The caller frees it; NULL when there is no memory. */
char *page_make(const struct text_list *topics, size_t people, const char *note, size_t *length);

#endif
