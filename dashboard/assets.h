/* The files for the browser, which the build has put into the program (CMakeLists.txt). */
#ifndef ROOMSTREAM_DASHBOARD_ASSETS_H
#define ROOMSTREAM_DASHBOARD_ASSETS_H

#include <stddef.h>

extern const unsigned char asset_index[], asset_page_css[], asset_page_js[], asset_icon[], asset_dygraph_js[],
    asset_dygraph_css[], asset_dygraph_licence[];
extern const size_t asset_index_size, asset_page_css_size, asset_page_js_size, asset_icon_size,
    asset_dygraph_js_size, asset_dygraph_css_size, asset_dygraph_licence_size;

#endif
