import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Gives a user of a Kafka cluster a password for SCRAM-SHA-512 and rights, which the Python client of Debian 12 cannot:
 * BROKERS USER PASSWORD TYPE:NAME:OPERATION...
 */
final class Grant {
    public static void main(String[] arguments) throws Exception {
        var password = new UserScramCredentialUpsertion(
                arguments[1], new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), arguments[2]);
        var rights = Stream.of(arguments).skip(3).map(right -> binding(arguments[1], right.split(":"))).toList();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            admin.alterUserScramCredentials(List.of(password)).all().get();
            admin.createAcls(rights).all().get();
        }
    }

    private static AclBinding binding(String user, String[] right) {
        return new AclBinding(
                new ResourcePattern(ResourceType.fromString(right[0]), right[1], PatternType.LITERAL),
                new AccessControlEntry("User:" + user, "*", AclOperation.fromString(right[2]), AclPermissionType.ALLOW));
    }
}
