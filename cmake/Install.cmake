# What is installed beside the programs, which install themselves: documents, the service for systemd, its configuration.
install(FILES data/occupancy-sample.csv DESTINATION ${CMAKE_INSTALL_DATADIR}/roomstream)
# The documents lie as they do in the repository, so that their links hold.
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES data/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/data)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN *.md PATTERN *.png PATTERN man EXCLUDE)
install(FILES config/bridge-NAME.env.example config/client.properties.example config/mosquitto.conf config/prometheus.yml
              config/prometheus-alerts.yml
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/config)
install(FILES config/grafana/bridges.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/config/grafana)

install(FILES config/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME roomstream.conf)

# Where programs and configuration lie is known when it is installed: --prefix may be another one than that of the build, and then
# all lies below it. systemd looks below /usr and /usr/local; its folders are called lib on every architecture. The configuration is
# the user's once it is there.
install(CODE "
    set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(CMAKE_INSTALL_FULL_SYSCONFDIR \"\${CMAKE_INSTALL_PREFIX}/etc\")
    if(CMAKE_INSTALL_PREFIX STREQUAL \"${CMAKE_INSTALL_PREFIX}\")
        set(CMAKE_INSTALL_FULL_SYSCONFDIR \"${CMAKE_INSTALL_FULL_SYSCONFDIR}\")
    endif()
    foreach(service IN ITEMS roomstream-bridge@ roomstream-estimate roomstream-store roomstream-downlink roomstream-dashboard)
        set(unit \"${CMAKE_CURRENT_BINARY_DIR}/systemd/\${service}.service\")
        configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/config/systemd/\${service}.service.in\" \"\${unit}\" @ONLY)
        file(INSTALL \"\${unit}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
    endforeach()
    set(folder \"\${CMAKE_INSTALL_FULL_SYSCONFDIR}/roomstream\")
    if(EXISTS \"\$ENV{DESTDIR}\${folder}/roomstream.conf\")
        message(STATUS \"Kept: \$ENV{DESTDIR}\${folder}/roomstream.conf\")
    else()
        file(INSTALL \"${CMAKE_CURRENT_SOURCE_DIR}/config/roomstream.conf\" DESTINATION \"\${folder}\"
             PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
    endif()")
