import com.toshiba.mwcloud.gs.Collection;
import com.toshiba.mwcloud.gs.GridStore;
import com.toshiba.mwcloud.gs.GridStoreFactory;
import com.toshiba.mwcloud.gs.RowKey;
import com.toshiba.mwcloud.gs.RowSet;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The official Java client, as the peer of alternating.rs.
 *
 * <p>GRIDSTORE.jar and SLF4J.jar are the client's own: {@code javac -cp GRIDSTORE.jar -d DIR Alternating.java}, then
 * {@code GRIDAUTH_BENCH_PEER="java -cp DIR:GRIDSTORE.jar:SLF4J.jar Alternating HOST PORT CLUSTER USER PASSWORD"}.
 */
public class Alternating {
    static final int KEYS = 2000;
    static final int CONNECTIONS = 8;
    static final int WARM_UP = 24000;

    static class Line {
        @RowKey public String k;
        public String v;
        public long n;
        public Date t;
    }

    static String key(int n) {
        return String.format("key%06d", n % KEYS);
    }

    static Line row(int n) {
        Line line = new Line();
        line.k = key(n);
        line.v = "value-" + n;
        line.n = n;
        line.t = new Date(1700000000000L + n);
        return line;
    }

    static void run(Collection<String, Line> rows, String operation, int n) throws Exception {
        switch (operation) {
            case "get":
                if (rows.get(key(n)) == null) throw new IllegalStateException();
                break;
            case "put":
                if (!rows.put(row(n))) throw new IllegalStateException();
                break;
            default:
                RowSet<Line> found = rows.query("select * where k = '" + key(n) + "'", Line.class).fetch();
                if (!found.hasNext()) throw new IllegalStateException();
                found.next();
        }
    }

    static List<Long> call(Collection<String, Line> rows, String operation, int from, long end) throws Exception {
        List<Long> times = new ArrayList<>();
        for (int n = from; ; n++) {
            long begun = System.nanoTime();
            if (begun >= end) return times;
            run(rows, operation, n);
            times.add(System.nanoTime() - begun);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("notificationMember", arguments[0] + ":" + arguments[1]);
        properties.setProperty("clusterName", arguments[2]);
        properties.setProperty("user", arguments[3]);
        properties.setProperty("password", arguments[4]);
        String name = "turns_java_" + Long.toHexString(System.nanoTime());
        List<GridStore> stores = new ArrayList<>();
        List<Collection<String, Line>> connections = new ArrayList<>();
        for (int i = 0; i < CONNECTIONS; i++) {
            stores.add(GridStoreFactory.getInstance().getGridStore(properties));
            connections.add(stores.get(i).putCollection(name, Line.class));
        }
        for (int n = 0; n < KEYS; n++) connections.get(0).put(row(n));
        String[] operations = {"get", "put", "tql"};
        for (int n = 0; n < WARM_UP; n++) run(connections.get(n % CONNECTIONS), operations[n % 3], n);
        ExecutorService threads = Executors.newFixedThreadPool(CONNECTIONS);
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null; ) {
            String[] words = line.split(" ");
            long start = System.nanoTime();
            long end = start + Long.parseLong(words[2]) * 1000000;
            List<Future<List<Long>>> callers = new ArrayList<>();
            for (int caller = 0; caller < Integer.parseInt(words[1]); caller++) {
                Collection<String, Line> rows = connections.get(caller);
                int from = caller * 31;
                callers.add(threads.submit(() -> call(rows, words[0], from, end)));
            }
            List<Long> times = new ArrayList<>();
            for (Future<List<Long>> caller : callers) times.addAll(caller.get());
            double seconds = (System.nanoTime() - start) / 1e9;
            long[] sorted = times.stream().mapToLong(Long::longValue).toArray();
            Arrays.sort(sorted);
            System.out.printf(Locale.ROOT, "%.1f %.0f%n", sorted[sorted.length / 2] / 1000.0, sorted.length / seconds);
            System.out.flush();
        }
        threads.shutdown();
        stores.get(0).dropContainer(name);
        for (GridStore store : stores) store.close();
        System.exit(0);
    }
}
