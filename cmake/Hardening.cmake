# What is linked gets all its addresses at the start, and then their tables are read-only (full RELRO); programs lie at an
# address by chance (PIE). Debian's own flags for packages have the half of it.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(LINKER:-z,relro,-z,now)
