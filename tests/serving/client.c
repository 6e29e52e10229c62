/* A server's view of an export: TensorFlow's C API, no Python, nothing of this package.
 *
 * client EXPORT SUPPORT_IMAGES SUPPORT_LABELS QUERY_IMAGES PROBABILITIES REQUEST...
 *
 * The four names are those of the signature's tensors, without ":0" but for the last ("name:1").
 * A request is a binary file: int64 B, S, Q, H, W, C, L (labels an episode, S where it is right),
 * then support images float32 [B, S, H, W, C], labels int64 [B, L], queries float32 [B, Q, H, W, C].
 * All requests go through one session. Each prints a line: "ok B Q way p p p ..." or "refused MESSAGE".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorflow/c/c_api.h>

static void stop(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) stop(TF_Message(status));
}

static TF_Output find(TF_Graph *graph, const char *name) {
  char text[256];
  TF_Output output;
  char *colon;
  snprintf(text, sizeof text, "%s", name);
  colon = strchr(text, ':');
  output.index = colon ? atoi(colon + 1) : 0;
  if (colon) *colon = '\0';
  output.oper = TF_GraphOperationByName(graph, text);
  if (!output.oper) stop("the graph has no operation of this name");
  return output;
}

/* A tensor whose content is the next bytes of the file. */
static TF_Tensor *next(FILE *file, TF_DataType type, const int64_t *dims, int rank) {
  size_t bytes = TF_DataTypeSize(type);
  TF_Tensor *tensor;
  int i;
  for (i = 0; i < rank; i++) bytes *= (size_t)dims[i];
  tensor = TF_AllocateTensor(type, dims, rank, bytes);
  if (fread(TF_TensorData(tensor), 1, bytes, file) != bytes) stop("the request is cut short");
  return tensor;
}

static void print_answer(TF_Tensor *answer) {
  const float *values = TF_TensorData(answer);
  size_t count = TF_TensorByteSize(answer) / sizeof(float), i;
  printf("ok");
  for (i = 0; i < (size_t)TF_NumDims(answer); i++) printf(" %lld", (long long)TF_Dim(answer, (int)i));
  for (i = 0; i < count; i++) printf(" %.9g", values[i]);
  printf("\n");
}

/* The message in one line. */
static void print_refusal(const char *message) {
  printf("refused ");
  for (; *message; message++) putchar(*message == '\n' ? ' ' : *message);
  printf("\n");
}

static void ask(TF_Session *session, const TF_Output *names, const char *path) {
  FILE *file = fopen(path, "rb");
  TF_Status *status = TF_NewStatus();
  TF_Tensor *inputs[3], *answer = NULL;
  int64_t head[7];
  int i;
  if (!file || fread(head, sizeof head[0], 7, file) != 7) stop("the request cannot be read");
  {
    const int64_t b = head[0], h = head[3], w = head[4], c = head[5];
    const int64_t support[] = {b, head[1], h, w, c}, labels[] = {b, head[6]};
    const int64_t query[] = {b, head[2], h, w, c};
    inputs[0] = next(file, TF_FLOAT, support, 5);
    inputs[1] = next(file, TF_INT64, labels, 2);
    inputs[2] = next(file, TF_FLOAT, query, 5);
  }
  fclose(file);
  TF_SessionRun(session, NULL, names, inputs, 3, names + 3, &answer, 1, NULL, 0, NULL, status);
  if (TF_GetCode(status) == TF_OK) {
    print_answer(answer);
    TF_DeleteTensor(answer);
  } else {
    print_refusal(TF_Message(status));
  }
  for (i = 0; i < 3; i++) TF_DeleteTensor(inputs[i]);
  TF_DeleteStatus(status);
}

int main(int argc, char **argv) {
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session;
  TF_Output names[4];
  int i;
  if (argc < 7) stop("usage: client EXPORT SUPPORT_IMAGES SUPPORT_LABELS QUERY_IMAGES PROBABILITIES REQUEST...");
  session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status);
  for (i = 0; i < 4; i++) names[i] = find(graph, argv[2 + i]);
  for (i = 6; i < argc; i++) ask(session, names, argv[i]);
  TF_CloseSession(session, status);
  check(status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
