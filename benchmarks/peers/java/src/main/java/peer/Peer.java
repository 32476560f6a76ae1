package peer;

import com.amazonaws.ClientConfiguration;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.cloudtrail.processinglibrary.AWSCloudTrailProcessingExecutor;
import com.amazonaws.services.cloudtrail.processinglibrary.interfaces.EventFilter;
import com.amazonaws.services.cloudtrail.processinglibrary.model.CloudTrailEvent;
import com.amazonaws.services.cloudtrail.processinglibrary.model.CloudTrailEventData;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.sqs.AmazonSQS;
import com.amazonaws.services.sqs.AmazonSQSClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** The AWS CloudTrail Processing Library at the same job as the other peers; the environment says what it is. */
public final class Peer {
    private static final Set<String> WANTED = Set.of("StopLogging", "DeleteTrail");
    private static final Set<String> SMALL_LOGS = Set.of("typical", "tiny");
    private static final Map<String, String> ENVIRONMENT = System.getenv();

    private static final LongAdder events = new LongAdder();
    private static final LongAdder read = new LongAdder();
    private static final AtomicLong first = new AtomicLong();

    public static void main(String[] arguments) {
        boolean tuned = ENVIRONMENT.get("BENCH_MODE").equals("tuned");
        String workload = ENVIRONMENT.get("BENCH_WORKLOAD");
        var configuration = new com.amazonaws.services.cloudtrail.processinglibrary.configuration.ClientConfiguration(
                ENVIRONMENT.get("BENCH_QUEUE_URL"), DefaultAWSCredentialsProviderChain.getInstance());
        configuration.setSqsRegion(ENVIRONMENT.get("BENCH_REGION"));
        configuration.setS3Region(ENVIRONMENT.get("BENCH_REGION"));
        configuration.setEnableRawEventInfo(workload.equals("raw"));
        if (tuned) {
            configuration.setThreadCount(number("BENCH_THREADS", SMALL_LOGS.contains(workload) ? 64 : 8));
            configuration.setMaxEventsPerEmit(number("BENCH_BATCH", 100));
            configuration.setVisibilityTimeout(300);
        }
        var builder = new AWSCloudTrailProcessingExecutor.Builder(Peer::take, configuration)
                .withSQSClient(queue())
                .withS3Client(store());
        if (workload.equals("filter")) {
            builder.withEventFilter((EventFilter) Peer::isWanted);
        }
        AWSCloudTrailProcessingExecutor executor = builder.build();
        Runtime.getRuntime().addShutdownHook(new Thread(Peer::report));
        executor.start();
    }

    private static int number(String name, int otherwise) {
        return Integer.parseInt(ENVIRONMENT.getOrDefault(name, String.valueOf(otherwise)));
    }

    private static boolean isWanted(CloudTrailEvent event) {
        CloudTrailEventData data = event.getEventData();
        return data.getEventSource().equals("cloudtrail.amazonaws.com") && WANTED.contains(data.getEventName());
    }

    private static void take(List<CloudTrailEvent> batch) {
        if (first.get() == 0) {
            first.compareAndSet(0, System.currentTimeMillis());
        }
        long sum = 0;
        for (CloudTrailEvent event : batch) {
            CloudTrailEventData data = event.getEventData();
            sum += data.getEventName().length() + data.getEventSource().length() + data.getAwsRegion().length();
            String arn = data.getUserIdentity() == null ? null : data.getUserIdentity().getARN();
            sum += (arn == null ? 0 : arn.length()) + (data.getEventTime() == null ? 0 : 1);
        }
        read.add(sum);
        events.add(batch.size());
    }

    private static void report() {
        String began = first.get() == 0 ? "null" : String.valueOf(first.get() / 1000.0);
        String told = "{\"events\": %d, \"read\": %d, \"first_event\": %s}".formatted(events.sum(), read.sum(), began);
        try {
            Files.writeString(Path.of(ENVIRONMENT.get("BENCH_OUT"), ProcessHandle.current().pid() + ".json"), told);
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        } finally {
            Runtime.getRuntime().halt(0); // its threads are not daemons, and a poll may take 20 seconds
        }
    }

    private static ClientConfiguration connections() {
        return new ClientConfiguration().withMaxConnections(200);
    }

    private static EndpointConfiguration endpoint() {
        return new EndpointConfiguration(ENVIRONMENT.get("BENCH_ENDPOINT"), ENVIRONMENT.get("BENCH_REGION"));
    }

    private static AmazonSQS queue() {
        return AmazonSQSClientBuilder.standard()
                .withClientConfiguration(connections())
                .withEndpointConfiguration(endpoint())
                .build();
    }

    private static AmazonS3 store() {
        return AmazonS3ClientBuilder.standard()
                .withClientConfiguration(connections())
                .withEndpointConfiguration(endpoint())
                .withPathStyleAccessEnabled(true)
                .build();
    }
}
