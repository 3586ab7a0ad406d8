import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthInput;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.file.Files;
import java.nio.file.Path;

/** HiveMQ Community Edition that takes anybody: FOLDER PORT [TLS_PORT KEYSTORE]. It prints "ready" and runs until it is killed. The
 *  keystore's password is "password". */
final class Hive {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        for (String name : new String[] {"conf", "data", "extensions"})
            Files.createDirectories(folder.resolve(name));
        String tls = arguments.length == 2 ? "" : """
                <tls-tcp-listener><port>%s</port><bind-address>127.0.0.1</bind-address>
                  <tls><keystore><path>%s</path><password>password</password><private-key-password>password</private-key-password></keystore></tls>
                </tls-tcp-listener>""".formatted(arguments[2], arguments[3]);
        Files.writeString(folder.resolve("conf/config.xml"), """
                <hivemq>
                  <listeners><tcp-listener><port>%s</port><bind-address>127.0.0.1</bind-address></tcp-listener>%s</listeners>
                  <mqtt>
                    <queued-messages><max-queue-size>1000000</max-queue-size></queued-messages>
                    <!-- By default 10: the Python client does not heed it and would be thrown out. -->
                    <receive-maximum><server-receive-maximum>65535</server-receive-maximum></receive-maximum>
                  </mqtt>
                  <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
                </hivemq>
                """.formatted(arguments[1], tls));
        EmbeddedHiveMQ.builder()
                .withConfigurationFolder(folder.resolve("conf")).withDataFolder(folder.resolve("data"))
                .withExtensionsFolder(folder.resolve("extensions"))
                .withEmbeddedExtension(EmbeddedExtension.builder().withId("anybody").withName("anybody").withVersion("1")
                        .withExtensionMain(new Anybody()).build())
                .build().start().join();
        System.out.println("ready");
        Thread.currentThread().join();
    }

    private static final class Anybody implements ExtensionMain, SimpleAuthenticator {
        @Override
        public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
            Services.securityRegistry().setAuthenticatorProvider(ignored -> this);
        }

        @Override
        public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {
        }

        @Override
        public void onConnect(SimpleAuthInput input, SimpleAuthOutput output) {
            output.authenticateSuccessfully();
        }
    }
}
