# Paho's asynchronous client with TLS, as the target roomstream_paho: the distribution's archive linked in, without what Paho records for its
# traces (docs/decisions/0013-paho-linked-in.md), or its shared library where no archive fits.
option(ROOMSTREAM_SHARED_PAHO "Use Paho's shared library even where its archive is there: a message costs twice the CPU time" OFF)
find_package(OpenSSL REQUIRED) # Paho's target with TLS names OpenSSL's without looking for it
find_package(eclipse-paho-mqtt-c REQUIRED)
get_target_property(PAHO_INCLUDE eclipse-paho-mqtt-c::paho-mqtt3as INTERFACE_INCLUDE_DIRECTORIES)
find_library(PAHO_ARCHIVE libpaho-mqtt3as.a HINTS ${PAHO_INCLUDE}/../lib)
set(PAHO_UNTRACKED ${CMAKE_SOURCE_DIR}/lib/mqtt/paho_untracked.c)
# Ours that the linker gives Paho in place of its own, which they call in turn (lib/mqtt/paho_guard.c).
set(PAHO_GUARD ${CMAKE_SOURCE_DIR}/lib/mqtt/paho_guard.c ${CMAKE_SOURCE_DIR}/lib/mqtt/packet_check.c ${CMAKE_SOURCE_DIR}/lib/mqtt/paho_incoming.c)
set(PAHO_GUARDED LINKER:--wrap=MQTTPacket_Factory,--wrap=WebSocket_getch,--wrap=WebSocket_getdata,--wrap=SocketBuffer_cleanup
    LINKER:--wrap=MQTTAsync_assignMsgId)

# Every time: the archive may have been updated.
unset(PAHO_ARCHIVE_FITS CACHE)
if(PAHO_ARCHIVE AND NOT ROOMSTREAM_SHARED_PAHO)
    block()
        set(CMAKE_TRY_COMPILE_TARGET_TYPE EXECUTABLE) # what matters is whether it links
        set(CORE ${CMAKE_SOURCE_DIR}/lib/core)
        file(WRITE ${CMAKE_BINARY_DIR}/paho_fits.c "#include <MQTTAsync.h>\nint main(void) { return MQTTAsync_connect(NULL, NULL); }\n")
        try_compile(PAHO_ARCHIVE_FITS ${CMAKE_BINARY_DIR}/paho-fits
                    SOURCES ${CMAKE_BINARY_DIR}/paho_fits.c ${PAHO_UNTRACKED} ${PAHO_GUARD}
                            ${CORE}/clock.c ${CORE}/credential.c ${CORE}/log.c ${CORE}/out_of_memory.c ${CORE}/utf8.c
                    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${PAHO_INCLUDE};${CMAKE_SOURCE_DIR}/lib"
                    # What the functions in use do not need, the core's others may.
                    COMPILE_DEFINITIONS -D_GNU_SOURCE -DROOMSTREAM_PAHO_GUARDED -ffunction-sections
                    LINK_OPTIONS ${PAHO_GUARDED} LINKER:--gc-sections
                    LINK_LIBRARIES ${PAHO_ARCHIVE} OpenSSL::SSL Threads::Threads m
                    OUTPUT_VARIABLE PAHO_FIT_OUTPUT)
        if(NOT PAHO_ARCHIVE_FITS)
            message(WARNING "Paho's archive ${PAHO_ARCHIVE} does not fit, so that its shared library is used: --message-max and what is "
                            "done out of memory hold less then (docs/delivery.md).\n${PAHO_FIT_OUTPUT}")
        endif()
    endblock()
endif()

add_library(roomstream_paho INTERFACE)
if(PAHO_ARCHIVE_FITS)
    message(STATUS "Paho: ${PAHO_ARCHIVE} is linked in")
    # An object library, which goes into all that links Paho: from an archive of ours the linker would take it too late.
    add_library(roomstream_paho_untracked OBJECT ${PAHO_UNTRACKED} ${PAHO_GUARD} ${CMAKE_SOURCE_DIR}/lib/mqtt/paho_resolve.c)
    target_link_libraries(roomstream_paho_untracked PRIVATE roomstream_warnings roomstream_core)
    target_include_directories(roomstream_paho SYSTEM INTERFACE ${PAHO_INCLUDE})
    target_sources(roomstream_paho INTERFACE $<TARGET_OBJECTS:roomstream_paho_untracked>)
    target_link_libraries(roomstream_paho INTERFACE roomstream_core ${PAHO_ARCHIVE} OpenSSL::SSL Threads::Threads)
    target_link_options(roomstream_paho INTERFACE LINKER:--wrap=getaddrinfo ${PAHO_GUARDED})
    target_include_directories(roomstream_paho_untracked SYSTEM PRIVATE ${PAHO_INCLUDE})
    target_compile_definitions(roomstream_paho_untracked PRIVATE ROOMSTREAM_PAHO_GUARDED)
    target_compile_definitions(roomstream_paho INTERFACE ROOMSTREAM_PAHO_GUARDED)
else()
    message(STATUS "Paho: the shared library is used")
    add_library(roomstream_paho_own OBJECT ${CMAKE_SOURCE_DIR}/lib/mqtt/packet_check.c)
    target_link_libraries(roomstream_paho_own PRIVATE roomstream_warnings eclipse-paho-mqtt-c::paho-mqtt3as)
    target_sources(roomstream_paho INTERFACE $<TARGET_OBJECTS:roomstream_paho_own>)
    target_link_libraries(roomstream_paho INTERFACE eclipse-paho-mqtt-c::paho-mqtt3as)
    target_compile_definitions(roomstream_paho INTERFACE ROOMSTREAM_PAHO_CHOOSES)
endif()
