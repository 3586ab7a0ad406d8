# What is installed beside the programs, which install themselves: documents, the service for systemd, its configuration.
install(FILES data/occupancy-sample.csv DESTINATION ${CMAKE_INSTALL_DATADIR}/roomstream)
install(FILES README.md CHANGELOG.md LICENSE docs/operations.md docs/delivery.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES config/bridge-NAME.env.example config/mosquitto.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# systemd looks below /usr and /usr/local; its folders are called lib on every architecture.
configure_file(config/systemd/roomstream-bridge@.service.in systemd/roomstream-bridge@.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/systemd/roomstream-bridge@.service DESTINATION lib/systemd/system)
install(FILES config/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME roomstream.conf)

# The configuration is the user's once it is there.
install(CODE "
    set(folder \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/roomstream\")
    if(EXISTS \"\$ENV{DESTDIR}\${folder}/roomstream.conf\")
        message(STATUS \"Kept: \$ENV{DESTDIR}\${folder}/roomstream.conf\")
    else()
        file(INSTALL \"${CMAKE_CURRENT_SOURCE_DIR}/config/roomstream.conf\" DESTINATION \"\${folder}\")
    endif()")
