#include "quantity.h"

#include <stddef.h>
#include <stdio.h>

/* One digit after the point while that is useful. */
static void put(double value, const char *unit, char text[static QUANTITY_SIZE])
{
    snprintf(text, QUANTITY_SIZE, value > 0 && value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
}

void quantity_number(double number, char text[static QUANTITY_SIZE])
{
    if (number < 9999.5)
        snprintf(text, QUANTITY_SIZE,
                 number > 0 && number < 9.95 && number != (double)(int)number ? "%.1f" : "%.0f", number);
    else if (number < 999950)
        snprintf(text, QUANTITY_SIZE, "%.1fk", number / 1e3);
    else
        snprintf(text, QUANTITY_SIZE, "%.1fM", number / 1e6);
}

void quantity_duration(double seconds, char text[static QUANTITY_SIZE])
{
    static const struct {
        double below; /* of this unit */
        const char *name;
        double length; /* s */
    } units[] = {{999.5, " ms", 1e-3}, {119.5, " s", 1}, {119.5, " min", 60}, {47.5, " h", 3600}};
    if (seconds < 0) {
        snprintf(text, QUANTITY_SIZE, "-");
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (seconds / units[i].length < units[i].below) {
            put(seconds / units[i].length, units[i].name, text);
            return;
        }
    put(seconds / 86400, " d", text);
}
