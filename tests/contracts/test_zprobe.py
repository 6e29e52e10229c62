import time, pytest, tensorflow as tf
from tests.contracts.test_models import *
from tests.contracts.test_models import ALL, TINY, SEQUENCE, make_case, sampler_for, population
@pytest.mark.parametrize("name", ALL)
def test_probe(name, make_learner, population):
    wide = {"hidden_size": 40} if name in SEQUENCE else TINY.get(name, {})
    learner = make_case(make_learner, name, way=2, **wide)
    options = TrainOptions(way=2, shot=SHOT, batch_size=16, learning_rate=1e-2, clip_norm=5.0)
    optimizer = optimizers.make(options)
    optimizer.build(learner.trainable_variables)
    sample = sampler_for(learner, population, batch=16, way=2)
    ts = loop.make_train_steps(learner, optimizer, sample, options, tf.distribute.get_strategy())
    t=time.process_time()
    row=[]
    for k in range(0,900,50):
        last = ts(tf.constant(k, tf.int64), tf.constant(50, tf.int64))
        a=(last["right"] / last["shown"]).numpy()
        row.append((round(float(a[min(1,len(a)-1)]),2), round(time.process_time()-t,1)))
    with open("/tmp/m/probe.txt","a") as f: print(name,row,file=f)
