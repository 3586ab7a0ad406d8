import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

/**
 * What Java makes of the files in a folder, a line each: NAME, and then words in base64.
 * N.pairs (a key and a value a line, in base64) is first written to N.properties by Properties.store().
 * N.properties: key and value of each property. N.jaas: user and password, as Kafka's clients read them. What is refused: NAME -
 */
final class ReadProperties {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        for (Path file : list(folder, ".pairs")) store(file);
        for (Path file : list(folder, ".properties")) load(file);
        for (Path file : list(folder, ".jaas")) login(file);
    }

    private static List<Path> list(Path folder, String end) throws Exception {
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(end)).sorted().toList();
        }
    }

    private static void store(Path pairs) throws Exception {
        var properties = new Properties();
        for (String line : Files.readAllLines(pairs)) {
            String[] words = line.split(" ", -1);
            properties.setProperty(decode(words[0]), decode(words[1]));
        }
        try (OutputStream out = Files.newOutputStream(Path.of(pairs.toString().replace(".pairs", ".properties")))) {
            properties.store(out, "made by store()\nin two lines");
        }
    }

    private static void load(Path file) throws Exception {
        var properties = new Properties();
        try (InputStream in = Files.newInputStream(file)) {
            properties.load(in);
            for (String name : properties.stringPropertyNames())
                print(file, name, properties.getProperty(name).trim()); // trim: as ConfigDef does it
        } catch (IllegalArgumentException e) {
            System.out.println(file.getFileName() + " -");
        }
    }

    private static void login(Path file) throws Exception {
        try {
            var entries = JaasContext.loadClientContext(Map.of("sasl.jaas.config", new Password(Files.readString(file))))
                    .configurationEntries();
            Map<String, ?> options = entries.get(0).getOptions();
            print(file, String.valueOf(options.get("username")), String.valueOf(options.get("password")));
        } catch (RuntimeException e) {
            System.out.println(file.getFileName() + " -");
        }
    }

    private static String decode(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }

    private static void print(Path file, String... words) {
        var line = new StringBuilder(file.getFileName().toString());
        for (String word : words)
            line.append(' ').append(Base64.getEncoder().encodeToString(word.getBytes(StandardCharsets.UTF_8)));
        System.out.println(line);
    }
}
